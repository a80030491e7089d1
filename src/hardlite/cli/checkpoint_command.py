"""``hardlite checkpoint``: bring the WAL into the database."""

import json
from typing import Annotated

import typer

from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.failures import ending_well
from hardlite.operations.checkpoint import Checkpoint, checkpoint
from hardlite.readable import seconds

__all__ = ["checkpoint_command"]


def checkpoint_command(
    database: Annotated[
        str, typer.Argument(metavar="PATH", help="The database: a file, or a sqlite:// URL.")
    ],
    *,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for the turn.")
    ] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Bring the WAL into the database, in a turn, and say what keeps it from starting over.

    Exit code: 0 the WAL is empty, 1 somebody still reads from it, 2 there is no such database, 3 the
    turn or a lock could not be had, or the disk failed.
    """
    with ending_well():
        done = checkpoint(database, timeout=timeout)
    typer.echo(json.dumps(done.to_dict()) if as_json else _told(done))
    raise typer.Exit(ExitCode.DONE if done.complete else ExitCode.SOMETHING_WRONG)


def _told(done: Checkpoint) -> str:
    first = (
        f"{done.path}: {done.copied:,} of {done.pages:,} pages of the WAL are in the database; it had "
        f"{done.wal_before:,} bytes and has {done.wal_after:,}; the turn was held for "
        f"{seconds(done.took)}"
    )
    if done.complete:
        return first
    readers = [f"reading: {reader}" for reader in done.readers]
    return "\n".join([first, "The WAL cannot start over yet.", *readers])
