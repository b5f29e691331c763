"""A game between a person and a player: session, opponents. Prints nothing and knows no terminal."""
