"""Stands for MMRec's package `common`."""
