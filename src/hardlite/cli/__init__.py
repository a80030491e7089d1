"""The command line: ``hardlite COMMAND``, one file for each command."""

import sys

from hardlite.errors import MissingExtraError

__all__ = ["main"]

_COULD_NOT_FINISH = 3


def main() -> None:
    """Run the command line with the arguments of this process, and exit."""
    try:
        from hardlite.cli.app import app
    except ModuleNotFoundError as error:
        if str(error.name).startswith("hardlite"):
            raise
        print(MissingExtraError("cli", "The command line"), file=sys.stderr)
        sys.exit(_COULD_NOT_FINISH)
    app()
