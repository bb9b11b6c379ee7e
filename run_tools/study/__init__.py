"""Studies: models, modes and variants compared over data sets and seeds, run and reported by one command."""
