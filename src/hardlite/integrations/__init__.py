"""What hardlite does inside of other programs: one module or package for each of them."""
