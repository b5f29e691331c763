"""Models of the GAN family: networks, layers, and what each kind of GAN adds to the plain one. Knows no run."""
