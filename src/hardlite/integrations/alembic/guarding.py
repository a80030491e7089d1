"""What a migration must not do inside of the run's transaction, and what to do instead."""

import re
from collections.abc import Callable
from typing import Final

from hardlite.connections.statements import Kind, kind_of
from hardlite.errors import UsageError

__all__ = ["guard_of"]

_OF_A_SAVEPOINT: Final = re.compile(r"\s*(RELEASE|ROLLBACK(\s+TRANSACTION)?\s+TO)\b", re.IGNORECASE)
_FOREIGN_KEYS: Final = re.compile(r"\bforeign_keys\b", re.IGNORECASE)


def guard_of(revision: Callable[[], str]) -> Callable[[str], None]:
    """Return the guard of a run's transaction.

    Args:
        revision: says which revision is at work.
    """

    def guard(sql: str) -> None:
        kind = kind_of(sql)
        if kind is Kind.SETTING and _FOREIGN_KEYS.search(sql):
            raise UsageError(
                f"Revision {revision()} sets PRAGMA foreign_keys, which SQLite ignores inside of a "
                "transaction",
                "Take the PRAGMA out: foreign keys are off during the whole run, they are checked "
                "before its COMMIT, and they are on again after it.",
            )
        ends = kind is Kind.END and not _OF_A_SAVEPOINT.match(sql)
        if ends or kind in {Kind.BEGIN, Kind.BEGIN_WRITE}:
            raise UsageError(
                f"Revision {revision()} runs {sql.split(maxsplit=1)[0].upper()} on its own, by a "
                "statement, a method of the connection or executescript(); a failure after that "
                "could not be undone",
                "Take it out: the run commits once, at its end. For a long data migration, make it a "
                "revision that does nothing else, inside `with op.get_context().autocommit_block():`, "
                "by batched_unit_of_work(op.get_bind().engine, ...) with a resume_key.",
            )

    return guard
