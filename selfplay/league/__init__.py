"""Past generations as opponents: pool, sampling policies, payoff table, equilibria. Knows players by name only."""
