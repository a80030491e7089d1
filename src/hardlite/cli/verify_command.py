"""``hardlite verify``: what is wrong with a database or a backup."""

import json
from typing import Annotated

import typer

from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.failures import ending_well
from hardlite.operations.content import Check
from hardlite.operations.verify import Verification, verify
from hardlite.readable import seconds

__all__ = ["verify_command"]


def verify_command(
    database: Annotated[
        str,
        typer.Argument(metavar="PATH", help="A database or a backup: a file, or a sqlite:// URL."),
    ],
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not compare indexes with their tables.")
    ] = False,
    on_copy: Annotated[
        bool, typer.Option("--on-copy", help="Copy the database first, and look at the copy.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look for damage in a database, or in a backup and whether it is what its manifest says.

    Nothing is changed, and with a WAL nobody waits. Exit code: 0 all is well, 1 something is wrong
    with it, 2 there is no such file, 3 it could not be looked at.
    """
    check: Check = "quick" if quick else "full"
    with ending_well():
        found = verify(database, check=check, on_copy=on_copy)
    typer.echo(json.dumps(found.to_dict()) if as_json else _told(found))
    raise typer.Exit(ExitCode.DONE if found.ok else ExitCode.SOMETHING_WRONG)


def _told(found: Verification) -> str:
    if found.content is None or not found.ok:
        return "\n".join([f"{found.path}: NOT GOOD", *found.problems])
    rows = sum(found.content.rows.values())
    made = f", the state of {found.manifest.created}" if found.manifest is not None else ""
    return (
        f"{found.path}: good{made}; {len(found.content.rows):,} tables, {rows:,} rows, "
        f"looked at in {seconds(found.took)}"
    )
