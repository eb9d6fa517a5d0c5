"""Searching by trials: networks drawn from a space, each trained for a short time on its own, in any place."""
