"""Stage 1: grammar text to the frozen IR."""
