"""What the names of `selfplay` do when they are called from Python: agents, matches, tournaments, training.

A thin layer over the packages that do the work. It checks arguments, so that a mistake is answered by one sentence;
it knows no command line.
"""
