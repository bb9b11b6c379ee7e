"""What the lists of recommendations are like beyond accuracy: how much of the catalogue, how popular, how diverse."""
