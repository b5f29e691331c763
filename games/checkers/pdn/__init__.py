"""PDN, the text format of draughts games: its tokens, and whole games read and written. Knows no files."""
