"""Turns: who writes next, first come first served, in the process and between processes."""
