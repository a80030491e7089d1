"""What hardlite does inside of other programs: one module or package for each of them."""
"""Bridges to other packages, each an extra of its own; the core never imports them."""
