"""How large files are, by a look at them and never more."""

import os

__all__ = ["size_of"]


def size_of(path: str) -> int | None:
    """Return the bytes of a file; None if there is none."""
    try:
        return os.stat(path).st_size  # noqa: PTH116 - a look at it, and never more
    except FileNotFoundError:
        return None
