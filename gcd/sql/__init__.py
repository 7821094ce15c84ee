"""SQL constrained by a database's own schema."""
