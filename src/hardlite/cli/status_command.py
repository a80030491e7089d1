"""``hardlite status``: what a database is, what is in it, and who uses it."""

import json
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.failures import complain, message_of
from hardlite.errors import ConfigurationError, UnreadableDatabaseError
from hardlite.operations.status import status
from hardlite.operations.status_report import DatabaseStatus
from hardlite.turns.holder import printable

__all__ = ["run_status", "status_command"]


def status_command(
    database: Annotated[
        str, typer.Argument(metavar="PATH", help="The database: a file, or a sqlite:// URL.")
    ],
    *,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Count all rows; else those above 100,000 are estimated."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell what a database is, how large, what is in it, and who uses it.

    It changes nothing and takes no turn. Exit code: 0 it was told, 2 there is no such database,
    3 it could not be read.
    """
    raise typer.Exit(run_status(database, exact=exact, as_json=as_json, out=Console()))


def run_status(database: str, *, exact: bool, as_json: bool, out: Console) -> ExitCode:
    """Look, tell, and return the exit code.

    Args:
        database: a path or a URL.
        exact: count all rows.
        as_json: tell it as JSON.
        out: where to tell it; a table is drawn only on a terminal.
    """
    try:
        found = status(database, exact=exact)
    except ConfigurationError as error:
        complain(message_of(error))
        return ExitCode.MISUSE
    except (UnreadableDatabaseError, OSError, KeyboardInterrupt) as error:
        complain(message_of(error))
        return ExitCode.COULD_NOT_FINISH
    if as_json:
        out.out(json.dumps(found.to_dict()), highlight=False)
    elif out.is_terminal:
        out.print(_table(found))
        for note in found.notes:
            out.print(Text(f"note: {printable(note)}", style="yellow"))
    else:
        out.out(found.summary(), highlight=False)
    return ExitCode.DONE


def _table(found: DatabaseStatus) -> Table:
    path = Text(printable(found.path))
    table = Table(box=box.SIMPLE, show_header=False, title=path, title_justify="left")
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, told in found.facts():
        table.add_row(Text(name), Text(told))
    return table
