"""Measures a machine: rules, search, network, learner and self-play; what settings suit it, and what a preset takes."""
