"""What the gradient sees of a space: stages, states and mixtures. No torch."""
