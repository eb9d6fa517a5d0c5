"""A space as a tree of layer calls and decisions, and the walk over all its networks. No torch."""
