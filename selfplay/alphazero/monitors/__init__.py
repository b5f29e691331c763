"""What is watched of a self-play run: games, moves, openings and weights, each against what they must be like."""
