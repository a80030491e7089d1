"""How many writing transactions a call has committed: what tells whether it may begin again.

They are counted for whoever called: a task's are committed in other threads than its own, and a
thread's own may be spread over threads that it started.
"""

import contextlib
import contextvars
from collections.abc import Iterator

__all__ = ["CommitTally", "commits_counted", "count_commit"]


class CommitTally:
    """What has been committed since a call began.

    Attributes:
        commits: how many transactions that are.
        outer: what counts for the call around this one.
    """

    __slots__ = ("commits", "outer")

    def __init__(self, outer: "CommitTally | None") -> None:
        self.commits = 0
        self.outer = outer


_counting: contextvars.ContextVar[CommitTally | None] = contextvars.ContextVar(
    "hardlite_commit_tally", default=None
)


@contextlib.contextmanager
def commits_counted() -> Iterator[CommitTally]:
    """Count what is committed within the block, and in what it starts."""
    tally = CommitTally(_counting.get())
    token = _counting.set(tally)
    try:
        yield tally
    finally:
        _counting.reset(token)


def count_commit() -> None:
    """Count a writing transaction that has just been committed."""
    tally = _counting.get()
    while tally is not None:
        tally.commits += 1
        tally = tally.outer
