"""Real data for generators to learn from: data sets, readers of image files, held-out parts. Knows no network."""
