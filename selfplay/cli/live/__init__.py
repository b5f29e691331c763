"""The live display of a training run: panel, lines, curves. Changes nothing in the run."""
