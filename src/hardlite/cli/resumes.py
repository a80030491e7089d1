"""``hardlite import --resume``: the keys of a command's sources, and of a database."""

from collections.abc import Sequence
from pathlib import PurePath

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.engine import Engine

from hardlite.cli.database_argument import database_url, opened
from hardlite.cli.exit_codes import ExitCode
from hardlite.errors import ConfigurationError
from hardlite.resume.resume_points import ResumePoint, forget_resume_key, resume_points
from hardlite.sources import STANDARD_INPUT

__all__ = ["resume_keys", "run_resumes"]


def resume_keys(
    key: str | None, sources: Sequence[str], engine: Engine, *, empty: bool
) -> list[str | None]:
    """Return the resume key of each source: the key itself for one, with its name for several.

    Args:
        key: what was given with ``--resume``.
        sources: what was given as SOURCE.
        engine: the database.
        empty: there is no database yet.

    Raises:
        ConfigurationError: two sources would have one key, or the key was used for one source and
            is to be used for several now, or the other way round: rows would go in twice.
    """
    if key is None:
        return [None] * len(sources)
    named = [
        f"{key}:{'stdin' if name == STANDARD_INPUT else PurePath(name).name}" for name in sources
    ]
    known = set() if empty else {point.key for point in resume_points(engine)}
    if len(sources) == 1:
        if named[0] in known:
            raise ConfigurationError(
                f"The resume key {key!r} was used for several sources, and that of this one is "
                f"{named[0]!r}",
                f"Go on with that: --resume {named[0]!r}.",
            )
        return [key]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise ConfigurationError(
            f"Two sources would have the resume key {twice[0]!r}",
            "Import them by commands of their own, with a key each.",
        )
    if key in known:
        raise ConfigurationError(
            f"The resume key {key!r} was used for one source, not for several",
            "Go on with that one alone, and use another key for the others.",
        )
    return list(named)


def run_resumes(database: str, *, forget: str | None, out: Console) -> ExitCode:
    """Tell the keys of a database, or forget one of them.

    Args:
        database: a path or a URL.
        forget: the key to be forgotten; None tells them all.
        out: where to tell it; a table is drawn only on a terminal.

    Raises:
        ConfigurationError: there is no such database, or no such key.
        ResumeRefusedError: an import uses the key right now.
        sqlalchemy.exc.DBAPIError: the database cannot be used.
    """
    with opened(database_url(database), create=False) as engine:
        points = resume_points(engine)
        if forget is not None:
            forget_resume_key(engine, forget)
            points = [point for point in points if point.key == forget]
            out.out(f"forgotten: {points[0]}", highlight=False)
        elif not points:
            out.out("no resume keys", highlight=False)
        elif out.is_terminal:
            out.print(_table(points))
        else:
            for point in points:
                out.out(f"{point}; last at {point.updated_at}", highlight=False)
    return ExitCode.DONE


def _table(points: Sequence[ResumePoint]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("resume key", overflow="fold")
    for heading in ("rows done", "committed", "rejected", "skipped"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("finished", no_wrap=True)
    table.add_column("last at", overflow="fold")
    for point in points:
        counts = (point.position, point.committed, point.rejected, point.skipped)
        table.add_row(
            Text(point.key),
            *(f"{count:,}" for count in counts),
            "yes" if point.finished else "no",
            point.updated_at,
        )
    return table
