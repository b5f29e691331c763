"""Engines of others as players, over UCI and Hub. Knows their protocols, no search of ours."""
