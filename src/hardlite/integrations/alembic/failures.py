"""One error for a run that failed: which revision, at which statement, and what is left."""

from hardlite.errors import MigrationFailedError

__all__ = ["migration_failed"]


def migration_failed(
    error: Exception, *, revision: str, statement: str | None, left: str, backup: str | None
) -> MigrationFailedError:
    """Make the error for a run of migrations that failed.

    Args:
        error: what a migration, or the driver, raised.
        revision: the revision that was at work.
        statement: the SQL that was run last; None if it has nothing to do with the error.
        left: how the database is left.
        backup: the path of the backup from before the run; None if there is none.
    """
    statement = getattr(error, "statement", None) or statement
    cause = getattr(error, "orig", None) or error
    parts = [f"Revision {revision} failed: {type(cause).__name__}: {cause}"]
    if statement:
        parts.append(f"the statement was: {' '.join(statement.split())}")
    parts.append(left)
    if backup:
        parts.append(f"the backup from before is {backup}")
    return MigrationFailedError(
        "; ".join(parts),
        "Mend the revision, or the data that it meets, and run again.",
        revision=revision,
        statement=statement,
        backup=backup,
    )
