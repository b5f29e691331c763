"""What `match` and `elo` share: conditions, participants, playing, reports."""
