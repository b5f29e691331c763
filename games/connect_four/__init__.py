"""Connect four: rules on bitboards, an exact solver, and a fixed set of solved positions."""
