"""A finished run behind a web service: `ptmrec serve`."""

VECTORS_FILE = "serving.safetensors"
"""In a run's folder: vectors, names, and what each user took."""
