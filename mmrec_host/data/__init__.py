"""Interactions, splits, negative sampling, loaders and feature sources."""
