"""Rows of the user's own: tables read in their order, and turned into numbers."""
