"""A finished run behind a web service: `ptmrec serve`."""
