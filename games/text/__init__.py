"""What games' text formats share: records, whole moves, engine notations of games of dropped stones. Knows no game."""
