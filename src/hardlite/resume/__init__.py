"""Resume keys: how far an import has come, and who may go on with it."""
