"""Data set layouts."""
