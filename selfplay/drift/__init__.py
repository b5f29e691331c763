"""Detectors that tell when a stream or a sample is no longer what it was. Know no game, run or network."""
