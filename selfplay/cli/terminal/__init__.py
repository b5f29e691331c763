"""The interactive board of `selfplay play`: dialogue, commands, drawing. Knows no training."""
