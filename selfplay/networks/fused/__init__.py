"""The policy–value network's training step on a CPU that computes in bfloat16: fewer passes, no work on padding."""
