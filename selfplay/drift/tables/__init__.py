"""Drift of tables: files of rows against a reference, column by column and window by window. Knows no game or run."""
