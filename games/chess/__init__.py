"""Chess: rules in Numba bitboards, planes and policy codes, and text through python-chess."""
