"""Tables in files: lines, rows, which column means what, and values."""
