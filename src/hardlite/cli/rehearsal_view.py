"""What migrations would do to a database, in words."""

from collections.abc import Iterator

from hardlite.integrations.alembic.rehearsal import Child, Rebuild, Rehearsal
from hardlite.turns.holder import printable

__all__ = ["rehearsal_lines"]


def rehearsal_lines(rehearsal: Rehearsal) -> Iterator[str]:
    """Yield the lines to print: what runs, what is rebuilt, and what would be lost."""
    if not rehearsal.revisions:
        yield printable(f"{rehearsal.database}: nothing to do.")
        return
    yield printable(
        f"{rehearsal.database}: to run {', '.join(rehearsal.revisions)}. This is what became of a copy:"
    )
    for rebuild in rehearsal.rebuilds:
        yield printable(_rebuilt(rebuild))
    lost, gone = rehearsal.lost(), rehearsal.gone()
    for table, rows in lost.items():
        if table in gone:
            yield printable(f"lost: the table {table}, with {rows:,} rows")
        else:
            yield printable(f"lost: {rows:,} of {rehearsal.before[table]:,} rows of {table}")
    for table in sorted(rehearsal.after.keys() - rehearsal.before.keys()):
        yield printable(f"new: the table {table}, with {rehearsal.after[table]:,} rows")
    if not lost:
        yield "No row would be lost."


def _rebuilt(rebuild: Rebuild) -> str:
    words = f"{rebuild.revision} rebuilds {rebuild.table}, {rebuild.rows:,} rows"
    if rebuild.children:
        words += f"; referenced by {', '.join(map(_referenced, rebuild.children))}"
    return words


def _referenced(child: Child) -> str:
    return f"{child.table} ({child.rows:,} rows, ON DELETE {child.on_delete})"
