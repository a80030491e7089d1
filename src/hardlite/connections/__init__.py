"""The driver's connection that owns its transactions, and what it needs to decide and to tell."""
