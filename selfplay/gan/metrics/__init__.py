"""Quality of samples: mode coverage, distances, AUC, and a judge for each kind of data. Knows samples, not networks."""
