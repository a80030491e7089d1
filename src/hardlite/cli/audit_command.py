"""``hardlite audit``: what will lock, found in the code."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from hardlite.audit import Audited, Severity, audit
from hardlite.audit.explaining import page_of
from hardlite.audit.report_github import github_report
from hardlite.audit.report_json import json_report
from hardlite.audit.report_sarif import sarif_report
from hardlite.audit.report_text import text_report
from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.failures import complain, message_of
from hardlite.cli.versions import versions

__all__ = ["audit_command"]


class Format(enum.StrEnum):
    """How the findings are told."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


class FailOn(enum.StrEnum):
    """From which severity on the exit code is 1."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    MONITOR = "monitor"


def audit_command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATHS]...", help="Files and directories; `.` if none."),
    ] = None,
    *,
    output: Annotated[
        Format, typer.Option("--format", help="How the findings are told.")
    ] = Format.TEXT,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="The least severity that makes the exit code 1.")
    ] = FailOn.MEDIUM,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="Files to leave out.")
    ] = None,
    explain: Annotated[
        str | None, typer.Option("--explain", metavar="RULE", help="Print the page of a rule.")
    ] = None,
) -> None:
    """Find what will lock the database, in the code of a program.

    Nothing of the program is run. Exit code: 0 nothing of that severity, 1 findings, 2 there is no
    such file or rule, 3 it could not be read.
    """
    if explain is not None:
        raise typer.Exit(_explain(explain))
    raise typer.Exit(_audit(paths or [Path()], output, fail_on, exclude or []))


def _explain(rule: str) -> ExitCode:
    try:
        typer.echo(page_of(rule.upper()).text, nl=False)
    except KeyError:
        complain(f"there is no rule {rule!r}.")
        return ExitCode.MISUSE
    return ExitCode.DONE


def _audit(paths: list[Path], output: Format, fail_on: FailOn, exclude: list[str]) -> ExitCode:
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        complain(f"there is no {missing}.")
        return ExitCode.MISUSE
    try:
        audited = audit(paths, exclude=exclude)
    except OSError as error:
        complain(message_of(error))
        return ExitCode.COULD_NOT_FINISH
    typer.echo(_report(audited, output), nl=False)
    least = Severity[fail_on.name]
    found = any(finding.severity >= least for finding in audited.findings)
    return ExitCode.FINDINGS if found else ExitCode.DONE


def _report(audited: Audited, output: Format) -> str:
    if output is Format.JSON:
        return json_report(audited)
    if output is Format.SARIF:
        return sarif_report(audited, version=versions()["hardlite"])
    return github_report(audited) if output is Format.GITHUB else text_report(audited)
