"""The same engine, sessions and imports, awaited: thin over the parts that do the work."""
