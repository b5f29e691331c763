"""Real data for generators to imitate: data sets, file readers, streams. Knows no network."""
