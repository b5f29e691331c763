"""Sweeps: several settings trained with several seeds at equal budgets, and what of them is better."""
