"""``hardlite doctor``: what is wrong with a database, or may go wrong."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.failures import complain, message_of
from hardlite.cli.output_file import OutputFile, output_file
from hardlite.doctor import Diagnosis, Severity, diagnose, diagnosis_page
from hardlite.errors import ConfigurationError
from hardlite.lock_holders.target import database_file
from hardlite.turns.holder import printable

__all__ = ["doctor_command", "run_doctor"]

_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.MONITOR: "cyan",
}
_BESIDE = ("", "-wal", "-shm", "-journal", "-gate", "-gateq")


def doctor_command(
    database: Annotated[
        str, typer.Argument(metavar="PATH", help="The database: a file, or a sqlite:// URL.")
    ],
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not compare indexes with their tables.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page for a browser, too.")
    ] = None,
) -> None:
    """Say what is wrong with a database, or may go wrong, and what to do about it.

    It changes nothing and takes no turn; the database may be used, with hardlite or without. Exit
    code: 0 there is nothing to do, 1 there is, 2 there is no such database, 3 it could not be
    looked at.
    """
    raise typer.Exit(run_doctor(database, quick=quick, as_json=as_json, html=html, out=Console()))


def run_doctor(
    database: str, *, quick: bool, as_json: bool, html: Path | None, out: Console
) -> ExitCode:
    """Look, tell, and return the exit code.

    Args:
        database: a path or a URL.
        quick: do not compare indexes with their tables.
        as_json: tell it as JSON.
        html: a page to be written.
        out: where to tell it; coloured on a terminal only.
    """
    try:
        with _page(html, database_file(database)) as page:
            found = diagnose(database, check="quick" if quick else "full")
            if page is not None:
                page.draft.write_text(diagnosis_page(found), encoding="utf-8")
                page.finish()
    except ConfigurationError as error:
        complain(message_of(error))
        return ExitCode.MISUSE
    except (OSError, KeyboardInterrupt) as error:
        complain(message_of(error))
        return ExitCode.COULD_NOT_FINISH
    if as_json:
        out.out(json.dumps(found.to_dict()), highlight=False)
    elif out.is_terminal:
        _show(found, out)
    else:
        out.out(found.summary(), highlight=False)
    return ExitCode.DONE if found.ok else ExitCode.SOMETHING_TO_DO


@contextmanager
def _page(html: Path | None, file: str) -> Iterator[OutputFile | None]:
    if html is None:
        yield None
        return
    keep = [Path(f"{file}{suffix}") for suffix in _BESIDE]
    with output_file(html, "The page", keep=keep) as page:
        yield page


def _show(found: Diagnosis, out: Console) -> None:
    out.print(Text(printable(f"{found.path}: {found.verdict()}"), style="bold"), soft_wrap=True)
    for name, told in found.facts:
        out.print(Text(f"  {name}: {printable(told)}"), soft_wrap=True)
    for finding in found.findings:
        heading = f"\n{finding.severity.value} {finding.name} ({finding.category})"
        out.print(Text(heading, style=_STYLES[finding.severity]))
        for name, told in finding.parts():
            out.print(Text.assemble((f"  {name}: ", "bold"), printable(told)))
    for step, findings in found.plan():
        names = ", ".join(dict.fromkeys(finding.name for finding in findings))
        out.print(Text.assemble((f"\n{step.capitalize()}: ", "bold"), names))
    for note in found.notes:
        out.print(Text(f"note: {printable(note)}", style="dim"))
