"""``hardlite restore``: put a backup in the place of a database, and keep what was there."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hardlite.cli.copy_bar import copy_bar
from hardlite.cli.failures import ending_well
from hardlite.operations.restore import Restored, restore
from hardlite.readable import seconds

__all__ = ["restore_command"]


def restore_command(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="The backup; it stays.")],
    database: Annotated[
        str, typer.Argument(metavar="PATH", help="The database: a file, or a sqlite:// URL.")
    ],
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Let others have the database open meanwhile.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for a turn or a lock.")
    ] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Put a backup in the place of a database; what was there is kept beside it.

    The backup is verified before, and the database after. At every moment the database is all of the
    old one or all of the new one. Exit code: 0 it is restored, 2 a path is wrong or somebody has the
    database open, 3 the backup is not good, or a lock or the disk was in the way; then the database
    is as it was.
    """
    with ending_well(), copy_bar(Console(stderr=True), "restoring") as progress:
        done = restore(source, database, online=online, progress=progress, timeout=timeout)
    typer.echo(json.dumps(done.to_dict()) if as_json else _told(done))


def _told(done: Restored) -> str:
    rows = done.content.rows
    kept = f"; what was there before is {done.kept}" if done.kept else ""
    return (
        f"{done.path}: restored, {len(rows):,} tables, {sum(rows.values()):,} rows, checked, in "
        f"{seconds(done.took)}{kept}"
    )
