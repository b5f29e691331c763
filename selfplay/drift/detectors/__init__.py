"""Drift detectors, for streams and for pairs of samples, behind one interface. Know neither files nor runs."""
