"""A third family of agents, for tests: what a family is asked for at the least. Its four files have the usual names."""
