"""The language server: what an editor asks, answered from the compiler's own tables and functions. No torch."""
