"""Reports of a run: what its files say of its health, put together for terminals, pictures and pages."""
