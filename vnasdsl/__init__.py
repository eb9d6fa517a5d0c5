"""vnasdsl: a declarative language for video networks and spaces of them."""

__version__ = "0.1.0"
