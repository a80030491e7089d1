"""One import at a time under a resume key: the second one is told who the first one is.

A lock file beside the database, for as long as the import runs; it ends with the process, however
that ends. It gives a good answer, nothing else: that no item goes in twice is seen to by the
progress row, which each batch moves on from where it knows it to be.
"""

import contextlib
import hashlib
import logging
from collections.abc import Iterator
from typing import Final

from hardlite.clock import Clock
from hardlite.errors import ResumeRefusedError
from hardlite.lock_holders.claim_files import give_back, owner_of, take
from hardlite.log_events import log_event

__all__ = ["claim_file", "claimed"]

_log = logging.getLogger("hardlite.batches")

_DIGITS: Final = 12


def claim_file(database: str, key: str) -> str:
    """Return the path of the lock file."""
    return f"{database}-import-{hashlib.sha256(key.encode()).hexdigest()[:_DIGITS]}"


@contextlib.contextmanager
def claimed(database: str, key: str, clock: Clock) -> Iterator[None]:
    """Have ``key`` for this thread alone.

    Args:
        database: the path of the database; empty if it is in memory, where no other process is.
        key: the resume key.
        clock: tells the others since when.

    Raises:
        ResumeRefusedError: somebody else has it.
    """
    if not database:
        yield
        return
    path = claim_file(database, key)
    try:
        descriptor = take(path, label=key, clock=clock)
    except OSError as error:
        _log.warning(
            "nobody is kept from importing under %r at the same time: %s",
            key,
            error,
            extra=log_event("import.unclaimed", database=database, key=key, reason=str(error)),
        )
        yield
        return
    if descriptor is None:
        owner = owner_of(path, clock) or "a process that has not told its name"
        raise ResumeRefusedError(
            f"The resume key {key!r} is in use by another import: {owner}",
            "Wait until that one is done, or end it; then call again.",
        )
    try:
        yield
    finally:
        give_back(path, descriptor)
