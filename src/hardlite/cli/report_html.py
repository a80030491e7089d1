"""The report of a command as a page for a browser."""

import itertools
from collections.abc import Sequence
from pathlib import PurePath

from hardlite.cli.imported import Imported, columns_of, line_of, why
from hardlite.cli.versions import versions
from hardlite.pages import RejectionLine, Section, page
from hardlite.readable import shown
from hardlite.reports.report import SHOWN_REJECTIONS

__all__ = ["html_report"]


def html_report(imports: Sequence[Imported], *, database: str) -> str:
    """Return a page with a section for each source.

    Args:
        imports: what became of each source.
        database: the URL.
    """
    told = ", ".join(f"{name} {version}" for name, version in versions().items())
    return page(
        f"Import into {PurePath(database).name}",
        [_section(each) for each in imports],
        made_by=f"{database}. Made by {told}.",
    )


def _section(each: Imported) -> Section:
    lines = [
        RejectionLine(
            place=line_of(rejection),
            columns=", ".join(columns_of(rejection)),
            reason=why(rejection),
            item=shown(rejection.item),
        )
        for rejection in itertools.islice(each.report.rejections, SHOWN_REJECTIONS)
    ]
    return each.report.section(
        title=f"{each.source} → {each.table}",
        noun="rows",
        place=each.row_place,
        reasons=each.reasons,
        rejections=lines,
    )
