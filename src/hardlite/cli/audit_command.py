"""``hardlite audit``: what will lock, found in the code."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from hardlite.audit import Audited, Severity, audit
from hardlite.audit.baselines import without_baseline, write_baseline
from hardlite.audit.explaining import page_of
from hardlite.audit.report_github import github_report
from hardlite.audit.report_html import html_report
from hardlite.audit.report_json import json_report
from hardlite.audit.report_markdown import markdown_report
from hardlite.audit.report_sarif import sarif_report
from hardlite.audit.report_text import text_report
from hardlite.audit.settings import settings_in
from hardlite.audit.since import only_since
from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.failures import complain, ending_well
from hardlite.cli.versions import versions
from hardlite.errors import ConfigurationError

__all__ = ["audit_command"]


class Format(enum.StrEnum):
    """How the findings are told."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    MARKDOWN = "markdown"
    HTML = "html"


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
    select: Annotated[
        list[str] | None, typer.Option("--select", metavar="RULE", help="Rules to go by.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="RULE", help="Rules to leave out.")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="FILE", help="Leave out the findings of a baseline."),
    ] = None,
    make: Annotated[
        Path | None,
        typer.Option("--write-baseline", metavar="FILE", help="Write the findings to a baseline."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="REV", help="Only findings in lines changed since then."),
    ] = None,
    explain: Annotated[
        str | None, typer.Option("--explain", metavar="RULE", help="Print the page of a rule.")
    ] = None,
) -> None:
    """Find what will lock the database, in the code of a program.

    Nothing of the program is run. What the options do not say stands in [tool.hardlite.audit] of
    pyproject.toml. Exit code: 0 nothing of that severity, 1 findings, 2 there is no such file, rule
    or setting, 3 it could not be read.
    """
    if explain is not None:
        raise typer.Exit(_explain(explain))
    with ending_well():
        said = settings_in(Path("pyproject.toml"))
        audited = audit(
            _existing(paths or [Path(path) for path in said.paths] or [Path()]),
            exclude=exclude or said.exclude,
            select=select or said.select,
            ignore=ignore or said.ignore,
        )
        if make is not None:
            write_baseline(make, audited.findings)
            typer.echo(f"{len(audited.findings)} findings are in {make}.")
            return
        audited = _narrowed(audited, baseline, since)
    typer.echo(_report(audited, output), nl=False)
    least = Severity[fail_on.name]
    found = any(finding.severity >= least for finding in audited.findings)
    raise typer.Exit(ExitCode.FINDINGS if found else ExitCode.DONE)


def _explain(rule: str) -> ExitCode:
    try:
        typer.echo(page_of(rule.upper()).text, nl=False)
    except KeyError:
        complain(f"there is no rule {rule!r}.")
        return ExitCode.MISUSE
    return ExitCode.DONE


def _existing(paths: list[Path]) -> list[Path]:
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise ConfigurationError(f"there is no {missing}", "Name files and directories that exist.")
    return paths


def _narrowed(audited: Audited, baseline: Path | None, since: str | None) -> Audited:
    if baseline is not None:
        audited = without_baseline(audited, baseline)
    return audited if since is None else only_since(audited, since, Path())


def _report(audited: Audited, output: Format) -> str:
    version = versions()["hardlite"]
    match output:
        case Format.JSON:
            return json_report(audited)
        case Format.SARIF:
            return sarif_report(audited, version=version)
        case Format.GITHUB:
            return github_report(audited)
        case Format.MARKDOWN:
            return markdown_report(audited)
        case Format.HTML:
            return html_report(audited, version=version)
        case _:
            return text_report(audited)
