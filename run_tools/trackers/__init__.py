"""Trackers of runs: each file tells one package what a run's record is told."""
