"""The supervised family: a classifier that learns from a stream of labelled rows whose concept may change.

Each row is tested before it is learned from. Knows data, networks and losses; neither games nor the training loop."""
