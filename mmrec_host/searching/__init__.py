"""Searches for a model's keys by the validation split: a grid, or values that Optuna samples."""
