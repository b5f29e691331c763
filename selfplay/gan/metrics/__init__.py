"""How good samples are: modes, distances, AUC, judges for each kind of data. Trains nothing."""
