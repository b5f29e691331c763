"""Presets: settings of runs by name, and in TOML files. Knows families by name only; loads none before it is asked."""
