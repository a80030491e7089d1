"""Imports beside people and a catalog: each import in one transaction, and in batches.

    python benchmarks/marketplace.py

The scene `imports` of contention.py, which takes the same options. See
docs/explanation/benchmarks.md.
"""

import sys

from contention import main

if __name__ == "__main__":
    scene = ["--scene", "imports", "--systems", "plain", "recipe", "hardlite"]
    sys.exit(main([*scene, *sys.argv[1:]]))
