"""The board-game family: one policy–value network guided by tree search (AlphaZero and Gumbel AlphaZero)."""
