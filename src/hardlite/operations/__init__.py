"""What is done to a whole database: one file for each operation."""
