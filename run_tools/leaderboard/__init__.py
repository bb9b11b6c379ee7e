"""One page over all runs on a dataset: who leads, by how much, how they learned, what they cost, where they differ."""
