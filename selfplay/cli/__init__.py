"""The `selfplay` command: one module a subcommand."""
