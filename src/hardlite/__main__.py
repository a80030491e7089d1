"""``python -m hardlite`` is the command line."""

from hardlite.cli import main

if __name__ == "__main__":
    main()
