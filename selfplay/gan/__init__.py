"""The family of generators and critics: two networks that play against each other over a stream of real data."""
