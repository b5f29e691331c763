"""How a run is shown while it trains: panel, lines, curves. Decides nothing."""
