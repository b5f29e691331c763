"""Shared inference: a server process for each device evaluates for many search processes, by shared memory."""
