"""The GAN family: a generator and a critic, two networks that are trained against each other on a stream of real data.

Knows data, networks, losses and the quality of samples; neither board games nor the training loop that runs it."""
