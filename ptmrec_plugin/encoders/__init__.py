"""Dual encoders: an image tower and a text tower that can be cut between any two blocks."""
