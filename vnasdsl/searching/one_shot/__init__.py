"""Networks that share the weights of a supernet trained by single paths: sampling, training, scoring, ranking."""
