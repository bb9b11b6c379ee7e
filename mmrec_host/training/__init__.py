"""One trainer that runs a list of phases."""
