"""Games of self-play in progress: their groups, trajectories, endings, and positions kept of earlier games."""
