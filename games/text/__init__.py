"""What the text formats of games share: records, whole moves, UCI of games of dropped stones. Knows no game."""
