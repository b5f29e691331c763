"""The models of the GAN family: networks, layers, and what each model adds to the plain pair. Knows no run."""
