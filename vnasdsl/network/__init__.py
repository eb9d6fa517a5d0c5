"""One network as a graph: made from a space, compared, found in a space, written as text. No torch."""
