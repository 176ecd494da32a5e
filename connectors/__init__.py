"""Sources: all that knows HTTP. Knows no storage engine."""
