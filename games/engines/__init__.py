"""What the games' own alpha–beta engines share. Knows the contract of `games.base`, no game."""
