"""Bridges to the tools of others: OpenSpiel's games as games of ours, our games as PettingZoo environments.

Each needs an extra of its own ("selfplay[openspiel]", "selfplay[pettingzoo]"); nothing else imports them.
"""
