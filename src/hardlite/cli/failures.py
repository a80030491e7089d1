"""One clear message about what stopped a command."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from sqlalchemy import exc

from hardlite.cli.exit_codes import ExitCode
from hardlite.errors import BackupError, ConfigurationError, UsageError

__all__ = ["complain", "ending_well", "message_of"]


def complain(message: str) -> None:
    """Write ``message`` to standard error."""
    typer.echo(f"hardlite: {message}", err=True)


def message_of(error: BaseException) -> str:
    """Return what ``error`` says, in one line and without the statement it was raised for."""
    text = str(error)
    if isinstance(error, exc.DBAPIError):
        hint = getattr(error, "hint", "")
        text = f"{error.orig}. {hint}" if hint else f"{error.orig}."
    elif isinstance(error, KeyboardInterrupt):
        text = "Interrupted."
    return " ".join(text.split())


@contextmanager
def ending_well() -> Iterator[None]:
    """Turn what stops an operation into one message and an exit code.

    Raises:
        typer.Exit: with that code.
    """
    try:
        yield
    except (ConfigurationError, UsageError) as error:
        complain(message_of(error))
        raise typer.Exit(ExitCode.MISUSE) from None
    except (BackupError, exc.DBAPIError, OSError, KeyboardInterrupt) as error:
        complain(message_of(error))
        raise typer.Exit(ExitCode.COULD_NOT_FINISH) from None
