"""PGN of chess games: tokens, texts of moves, reading, writing."""
