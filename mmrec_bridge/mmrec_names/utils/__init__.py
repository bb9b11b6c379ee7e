"""Stands for MMRec's package `utils`."""
