"""The embedded host: an MMRec-compatible toolkit."""
