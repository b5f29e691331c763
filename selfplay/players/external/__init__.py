"""External engines as players, over UCI and Hub. Knows their protocols, and nothing of tree search or networks."""
