"""How many writing transactions a thread has committed: what tells whether it may begin again."""

import threading

__all__ = ["count_commit", "writes_committed"]


class _Tally(threading.local):
    commits = 0


_tally = _Tally()


def count_commit() -> None:
    """Count a writing transaction that this thread has just committed."""
    _tally.commits += 1


def writes_committed() -> int:
    """Return how many writing transactions this thread has committed so far."""
    return _tally.commits
