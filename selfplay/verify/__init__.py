"""Checks of whole folders, runs and tournaments, by the digests that were written with them. Knows files and their
digests; not what is learned or played."""
