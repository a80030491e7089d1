"""``hardlite optimize`` and ``hardlite vacuum``."""

import json
from typing import Annotated

import typer

from hardlite.cli.failures import ending_well
from hardlite.operations.upkeep import Upkeep, optimize, vacuum
from hardlite.readable import seconds

__all__ = ["optimize_command", "vacuum_command"]

_Database = Annotated[
    str, typer.Argument(metavar="PATH", help="The database: a file, or a sqlite:// URL.")
]
_Timeout = Annotated[
    float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for the turn.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def optimize_command(
    database: _Database, *, timeout: _Timeout = 5.0, as_json: _Json = False
) -> None:
    """Let SQLite learn how many rows its indexes lead to; this takes a turn of some milliseconds.

    Exit code: 0 it is done, 2 there is no such database, 3 the turn or a lock could not be had, or the
    database is damaged.
    """
    with ending_well():
        done = optimize(database, timeout=timeout)
    _tell(done, "optimized", as_json=as_json)


def vacuum_command(
    database: _Database, *, timeout: _Timeout = 30.0, as_json: _Json = False
) -> None:
    """Write the database anew without its empty pages; writers wait for as long as that takes.

    Exit code: 0 it is done, 2 there is no such database, 3 the turn or a lock could not be had, the disk
    is full or the database damaged; then it is as it was.
    """
    with ending_well():
        done = vacuum(database, timeout=timeout)
    _tell(done, "vacuumed", as_json=as_json)


def _tell(done: Upkeep, what: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(done.to_dict()))
        return
    typer.echo(
        f"{done.path}: {what}, {done.bytes_before:,} bytes before and {done.bytes_after:,} after; the "
        f"turn was held for {seconds(done.took)}"
    )
