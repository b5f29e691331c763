"""Policy–value networks and their fast forms for inference. Knows planes and actions, no training and no players."""
