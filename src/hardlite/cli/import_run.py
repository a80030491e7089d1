"""``hardlite import`` from its options to its exit code."""

import dataclasses
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Final, cast

from rich.console import Console
from sqlalchemy.engine import Engine

from hardlite.cli.database_argument import database_file, database_url, opened
from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.failures import complain, message_of
from hardlite.cli.feed import Feed
from hardlite.cli.imported import Imported, line_of, reason_of
from hardlite.cli.output_file import OutputFile, output_file
from hardlite.cli.planning import ImportOptions, Planned, plan
from hardlite.cli.progress_view import progress_view
from hardlite.cli.report_html import html_report
from hardlite.cli.report_json import json_report
from hardlite.cli.summary import show_summary
from hardlite.clock import system_clock
from hardlite.engine import profile_of
from hardlite.errors import ResumeRefusedError
from hardlite.imports.batches import batched_unit_of_work
from hardlite.profile import Profile
from hardlite.reports.batch_results import BatchResult
from hardlite.reports.reasons import ReasonTally
from hardlite.reports.rejections import Rejection
from hardlite.reports.report import ImportReport
from hardlite.sources import STANDARD_INPUT, SourceError, checked, rows_for

__all__ = ["run_import"]

_PAGES: Final = frozenset({".html", ".htm"})


def run_import(options: ImportOptions, *, out: Console, err: Console) -> ExitCode:
    """Check everything, import one source after the other, and tell what became of it.

    Args:
        options: what was asked for.
        out: gets the summary.
        err: gets the progress.

    Raises:
        SourceError: a source cannot be read or does not fit; nothing was written.
        ConfigurationError: an argument cannot be met; nothing was written.
        sqlalchemy.exc.DBAPIError: the database refused before the first row.
    """
    url = database_url(options.database)
    file = database_file(url)
    keep = [Path(name) for name in options.sources if name != STANDARD_INPUT]
    if file is not None:
        keep.append(file)
    with ExitStack() as stack:
        report = None
        if options.report is not None:
            report = stack.enter_context(output_file(options.report, "The report", keep=keep))
            keep.append(options.report)
        empty = file is not None and not file.exists()
        engine = stack.enter_context(opened(url, create=options.create))
        run = _Run(options, engine, err)
        run.all(stack.enter_context(plan(options, engine, empty=empty, keep=keep)))
        show_summary(run.imported, out)
        code = run.exit_code()
        if report is not None:
            try:
                _write_report(report, run.imported, url.render_as_string(), code)
            except OSError as error:
                complain(f"The report could not be written: {error.strerror}. {run.told()}")
                return ExitCode.COULD_NOT_FINISH
        return code


def _write_report(
    output: OutputFile, imported: Sequence[Imported], database: str, code: ExitCode
) -> None:
    with output.draft.open("w", encoding="utf-8", errors="backslashreplace") as draft:
        if output.path.suffix.lower() in _PAGES:
            draft.write(html_report(imported, database=database))
        else:
            draft.writelines(json_report(imported, database=database, ok=code is ExitCode.DONE))
    output.finish()


class _Run:
    """The imports of one command, one after the other, until one fails."""

    def __init__(self, options: ImportOptions, engine: Engine, err: Console) -> None:
        self._options = options
        self._engine = engine
        self._err = err
        self.imported: list[Imported] = []
        self.failure: BaseException | None = None

    def all(self, planned: Iterable[Planned]) -> None:
        for each in planned:
            reasons = ReasonTally()
            with each.rejects.during_import() if each.rejects else nullcontext():
                report = self._one(each, reasons)
            if each.rejects is not None:
                self.failure = self.failure or each.rejects.failure
            self.imported.append(
                Imported(
                    source=each.source.title,
                    row_place=each.source.row_place,
                    table=each.target.table.name,
                    report=report,
                    reasons=reasons,
                    rejects=each.rejects.path if each.rejects and each.rejects.rows else None,
                )
            )
            if self.failure is not None or report.stopped:
                return

    def exit_code(self) -> ExitCode:
        if self.failure is not None:
            complain(f"{message_of(self.failure)} {self.told()}")
            return ExitCode.COULD_NOT_FINISH
        if any(each.rejected for each in self.imported):
            return ExitCode.SOME_REJECTED
        return ExitCode.DONE

    def told(self) -> str:
        kept = sum(each.report.committed for each in self.imported)
        return f"Rows committed before: {kept:,}; they stay."

    def _one(self, planned: Planned, reasons: ReasonTally) -> ImportReport:
        options, source, target = self._options, planned.source, planned.target
        feed = Feed()
        batches: list[BatchResult] = []
        started = system_clock.now()
        with progress_view(source, self._err, system_clock) as show, feed.interruptible():

            def watch(batch: BatchResult) -> None:
                batches.append(batch)
                show(batch)

            def reject(rejection: Rejection) -> None:
                reasons.add(reason_of(rejection), line_of(rejection), rejection.constraint)
                if planned.rejects is not None:
                    planned.rejects.add(rejection)
                    feed.failure = feed.failure or planned.rejects.failure

            try:
                report = batched_unit_of_work(
                    self._engine,
                    feed.rows(rows_for(target, source, options.nulls)),
                    target.table,
                    prepare=checked,
                    batch_size=options.batch_size,
                    on_error=options.on_error,
                    conflict=options.conflict,
                    resume_key=planned.resume_key,
                    on_rejection=reject,
                    progress=watch,
                    timeout=cast("Profile", profile_of(self._engine)).timeout,
                )
            except (KeyboardInterrupt, ResumeRefusedError) as interrupt:
                if isinstance(interrupt, ResumeRefusedError) and not (batches or self.imported):
                    raise
                feed.failure = interrupt
                report = ImportReport(
                    batches=tuple(batches),
                    rejections=(),
                    error=None,
                    stopped=True,
                    elapsed=system_clock.now() - started,
                )
        self.failure = feed.failure or report.error
        if isinstance(feed.failure, SourceError):
            report = dataclasses.replace(report, error=feed.failure)
        return dataclasses.replace(report, stopped=report.stopped or self.failure is not None)
