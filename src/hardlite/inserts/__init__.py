"""Rows into a table, through the driver and as fast as it can."""
