"""`ptmrec prepare --check FOLDER`: what a folder is, what is wrong with it, what it can run."""
