"""``hardlite who``: who holds the turn or a lock on a database."""

import json
from contextlib import nullcontext
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live

from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.failures import complain, message_of
from hardlite.cli.who_view import who_view
from hardlite.clock import Clock, system_clock
from hardlite.errors import ConfigurationError
from hardlite.lock_holders import LockHolders, holders

__all__ = ["run_who", "who_command"]

_SECONDS_BETWEEN_LOOKS: Final = 1.0


def who_command(
    database: Annotated[
        str, typer.Argument(metavar="PATH", help="The database: a file, or a sqlite:// URL.")
    ],
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again each second, until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one object for each look.")
    ] = False,
) -> None:
    """Say who holds the turn or a lock on a database, and who waits.

    It does not open the database, and works while that is busy; the database may be used without
    hardlite. Exit code: 0 nobody holds anything, 1 somebody does, 2 there is no such database,
    3 it could not be looked at. With --watch, that is about the last look.
    """
    raise typer.Exit(
        run_who(database, watch=watch, as_json=as_json, out=Console(), clock=system_clock)
    )


def run_who(database: str, *, watch: bool, as_json: bool, out: Console, clock: Clock) -> ExitCode:
    """Look, tell, and return the exit code.

    Args:
        database: a path or a URL.
        watch: go on until an interrupt.
        as_json: tell it as JSON.
        out: where to tell it; a table is drawn only on a terminal.
        clock: waits between two looks.
    """
    code = ExitCode.DONE
    try:
        live = None
        if watch and out.is_terminal and not as_json:
            live = Live(console=out, auto_refresh=False)
        with live or nullcontext():
            while True:
                found = holders(database)
                code = ExitCode.SOMEBODY_HOLDS if found.anybody else ExitCode.DONE
                if live is not None:
                    live.update(who_view(found), refresh=True)
                else:
                    _tell(found, out, as_json=as_json)
                if not watch:
                    return code
                clock.sleep(_SECONDS_BETWEEN_LOOKS)
    except KeyboardInterrupt:
        return code
    except ConfigurationError as error:
        complain(message_of(error))
        return ExitCode.MISUSE
    except OSError as error:
        complain(message_of(error))
        return ExitCode.COULD_NOT_FINISH


def _tell(found: LockHolders, out: Console, *, as_json: bool) -> None:
    if as_json:
        out.out(json.dumps(found.to_dict()), highlight=False)
    elif out.is_terminal:
        out.print(who_view(found))
    else:
        out.out(found.summary(), highlight=False)
