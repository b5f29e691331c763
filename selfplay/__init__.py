"""Self-play learning: agents that improve by playing against themselves, their own past, or each other."""

__version__ = "0.1.0"
