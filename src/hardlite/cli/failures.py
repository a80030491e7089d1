"""One clear message about what stopped a command."""

import typer
from sqlalchemy import exc

__all__ = ["complain", "message_of"]


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
