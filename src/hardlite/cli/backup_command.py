"""``hardlite backup``: copy a database in use, and know that the copy is good."""

import json
import re
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from hardlite.cli.copy_bar import copy_bar
from hardlite.cli.failures import ending_well
from hardlite.errors import ConfigurationError
from hardlite.operations.backup import Backup, backup
from hardlite.operations.content import Check
from hardlite.readable import seconds

__all__ = ["backup_command"]

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION: Final = re.compile(r"(\d+)([smhdw])")


def backup_command(
    database: Annotated[
        str, typer.Argument(metavar="PATH", help="The database: a file, or a sqlite:// URL.")
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET",
            help="The backup to be; {time} in its name becomes the time, and .gz packs it.",
        ),
    ],
    *,
    keep: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Keep N backups of this kind.")
    ] = None,
    keep_for: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Keep each backup for as long: 12h, 30d, 8w."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not compare indexes with their tables.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for a lock.")
    ] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Copy a database that others go on writing to; the copy is checked before it gets its name.

    Beside it is a manifest with its SHA-256 and the rows of each table. Exit code: 0 there is a good
    backup, 2 a path or an option is wrong, 3 there is none: the database is damaged or locked, or
    the disk is full.
    """
    check: Check = "quick" if quick else "full"
    with ending_well(), copy_bar(Console(stderr=True), "copying") as progress:
        done = backup(
            database,
            target,
            keep=keep,
            keep_for=None if keep_for is None else _duration(keep_for),
            check=check,
            progress=progress,
            timeout=timeout,
        )
    typer.echo(json.dumps(done.to_dict()) if as_json else _told(done))


def _told(done: Backup) -> str:
    rows = done.manifest.content.rows
    made = (
        f"{done.path}: {done.manifest.bytes:,} bytes, {len(rows):,} tables, "
        f"{sum(rows.values()):,} rows, checked, in {seconds(done.took)}"
    )
    notes = [f"note: {told}" for told in done.manifest.lost_references]
    return "\n".join([made, *notes, *(f"removed {path}" for path in done.removed)])


def _duration(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            f"--keep-for cannot be {text!r}",
            "Give a number and a unit, such as 12h, 30d or 8w.",
        )
    return float(match[1]) * _UNITS[match[2]]
