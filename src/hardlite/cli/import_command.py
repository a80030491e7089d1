"""``hardlite import``: files into tables."""

import enum
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.failures import complain, message_of
from hardlite.cli.import_run import run_import
from hardlite.cli.planning import ImportOptions
from hardlite.cli.resumes import run_resumes
from hardlite.errors import ConfigurationError, MissingExtraError, ResumeRefusedError
from hardlite.sources import SourceError

__all__ = ["import_command"]


class OnErrorChoice(enum.StrEnum):
    """What becomes of a batch with a bad row."""

    CONTINUE = "continue"
    STOP = "stop"
    ISOLATE = "isolate"


class ConflictChoice(enum.StrEnum):
    """What becomes of a row whose key is there already."""

    ERROR = "error"
    IGNORE = "ignore"
    UPDATE = "update"


def _size_of(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    if not (text.isdecimal() and int(text) > 0):
        raise ConfigurationError(
            f"--batch-size cannot be {text}", "It takes a whole number, 1 or more, or auto."
        )
    return int(text)


def import_command(
    *,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="CSV, TSV or JSON Lines in UTF-8, also gzipped or zipped; Parquet or Arrow; "
            "- is standard input.",
            show_default=False,
        ),
    ] = None,
    database: Annotated[
        str, typer.Argument(metavar="DATABASE", help="A path, or a sqlite:// URL.")
    ],
    table: Annotated[
        str | None, typer.Option(help="The table; without it, the name of the source.")
    ] = None,
    create: Annotated[
        bool,
        typer.Option("--create", help="Make what is not there: the file, and the table."),
    ] = False,
    batch_size: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Rows in a transaction; auto measures what fits into an eighth of a second.",
        ),
    ] = "500",
    on_error: Annotated[
        OnErrorChoice,
        typer.Option(
            help="A batch with a row that the database refuses: left out whole, and go on; or "
            "stop there; or leave out the bad rows alone."
        ),
    ] = OnErrorChoice.CONTINUE,
    conflict: Annotated[
        ConflictChoice,
        typer.Option(help="A row whose key is there already: an error, skipped, or written over."),
    ] = ConflictChoice.ERROR,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Write down under this name how far it has come, in the transactions of the "
            "batches; run again, the command goes on from there: every row once.",
        ),
    ] = None,
    list_resumes: Annotated[
        bool,
        typer.Option(
            "--list-resumes", help="Tell the keys of DATABASE and how far they are; no SOURCE."
        ),
    ] = False,
    forget: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Forget a key of DATABASE; what is in stays; no SOURCE."),
    ] = None,
    null: Annotated[
        list[str] | None,
        typer.Option(help="A text that stands for no value, such as NA. May be repeated."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write what became of every batch: a page for a browser if the name ends in "
            ".html, else JSON.",
        ),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the rejected rows as the source has them, each with the reason, to be "
            "mended and imported again; with several sources, a directory.",
        ),
    ] = None,
) -> None:
    """Import files into tables, in batches, while others go on writing.

    The first line of a CSV or TSV file names the columns. A row that does not fit its table is
    left out and reported with its line or number. Exit code: 0 all rows are in, 1 some were rejected,
    2 nothing was done because an argument is wrong, 3 it could not finish; what was committed
    stays.
    """

    def run() -> ExitCode:
        out = Console()
        if list_resumes or forget is not None:
            _require_no_source(sources)
            return run_resumes(database, forget=forget, out=out)
        if not sources:
            raise ConfigurationError("Missing argument SOURCE", "Name a file and the database.")
        options = ImportOptions(
            sources=sources,
            database=database,
            table=table,
            create=create,
            batch_size=_size_of(batch_size),
            on_error=on_error.value,
            conflict=conflict.value,
            resume=resume,
            nulls=frozenset(null or ()),
            report=report,
            rejects=rejects,
        )
        return run_import(options, out=out, err=Console(stderr=True))

    raise typer.Exit(_code_of(run))


def _require_no_source(sources: list[str] | None) -> None:
    if sources:
        raise ConfigurationError(
            f"--list-resumes and --forget import nothing, and {sources[0]} is a source",
            "Name the database alone.",
        )


def _code_of(run: Callable[[], ExitCode]) -> ExitCode:
    try:
        return run()
    except MissingExtraError as error:
        complain(message_of(error))
        return ExitCode.COULD_NOT_FINISH
    except (SourceError, ConfigurationError, ResumeRefusedError) as error:
        complain(message_of(error))
        return ExitCode.MISUSE
    except (DBAPIError, KeyboardInterrupt) as error:
        complain(message_of(error))
        return ExitCode.COULD_NOT_FINISH
