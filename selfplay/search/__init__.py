"""Batched tree search over any game and any evaluator. Knows no network library, no training and no players."""
