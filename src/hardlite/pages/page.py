"""The report of one or more imports as a page: figures, pictures and tables."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from hardlite.pages.charts import Timed, rate_chart, timeline
from hardlite.pages.frame import framed
from hardlite.pages.text import count, escaped
from hardlite.readable import seconds, shortened

__all__ = ["ReasonLine", "RejectionLine", "Section", "page"]

_LONGEST: Final = 400
_SLOWEST: Final = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReasonLine:
    """Why some items were rejected.

    Attributes:
        text: why.
        count: how many.
        constraint: the rule that they break; empty if it is none of the database.
        places: where the first few of them are.
    """

    text: str
    count: int
    constraint: str
    places: Sequence[int]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RejectionLine:
    """One rejected item.

    Attributes:
        place: its position, or its line.
        columns: those at fault, as far as they are known.
        reason: why it was rejected.
        item: what was kept of it.
    """

    place: int
    columns: str
    reason: str
    item: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What a page tells of one import.

    Attributes:
        title: what was imported; empty if there is but one and it has no name.
        noun: what its items are called, in the plural.
        place: what their places are called.
        ok: whether all items are in.
        stopped: whether it ended before its source did.
        committed: how many are.
        rejected: how many were left out for an error.
        skipped: how many were there already.
        updated: how many of the committed ones were there already, and were written over.
        elapsed: seconds that it took.
        troubles: what stopped it, and what else must be known.
        batches: in order.
        max_hold: seconds a batch should have held the turn.
        reasons: why items were rejected, the most frequent first.
        further: how many were rejected for reasons that are not among these.
        rejections: the first of them.
    """

    title: str
    noun: str
    place: str
    ok: bool
    stopped: bool
    committed: int
    rejected: int
    skipped: int
    updated: int
    elapsed: float
    troubles: Sequence[str]
    batches: Sequence[Timed]
    max_hold: float | None
    reasons: Sequence[ReasonLine]
    further: int
    rejections: Sequence[RejectionLine]


def page(title: str, sections: Sequence[Section], *, made_by: str) -> str:
    """Return a page that needs nothing but itself.

    Args:
        title: its heading.
        sections: one for each import.
        made_by: what stands at the end.
    """
    return framed(title, "".join(map(_section, sections)), made_by=made_by)


def _section(section: Section) -> str:
    parts = [f"<h2>{escaped(section.title)}</h2>"] if section.title else []
    parts += [_status(section), _tiles(section)]
    if section.batches:
        parts.append(timeline(section.batches, section.max_hold))
        if section.batches[-1].ended > 0:
            parts.append(rate_chart(section.batches, section.noun))
        waits = _slowest(section, "Longest waits", "waited", lambda batch: batch.wait)
        holds = _slowest(section, "Longest holds", "held the turn", lambda batch: batch.hold)
        parts.append(f'<div class="pair">{waits}{holds}</div>')
    if section.reasons:
        parts.append(_reasons(section))
    if section.rejections:
        parts.append(_rejections(section))
    return f"<section>{''.join(parts)}</section>\n"


def _status(section: Section) -> str:
    counts = f"{count(section.committed)} {section.noun} committed"
    counts += f", {count(section.rejected)} rejected"
    if section.updated:
        counts += f", {count(section.updated)} written over as they were there already"
    if section.skipped:
        counts += f", {count(section.skipped)} skipped as they were there already"
    told = [f"{counts}.", *section.troubles]
    kind = "good" if section.ok else "bad" if section.stopped else "some"
    return "".join(f'<p class="status {kind}">{escaped(line)}</p>' for line in told)


def _tiles(section: Section) -> str:
    batches = section.batches
    items = sum(batch.items for batch in batches)
    figures = {
        "committed": count(section.committed),
        "rejected": count(section.rejected),
        "skipped": count(section.skipped),
        "updated": count(section.updated),
        "batches": count(len(batches)),
        "elapsed": seconds(section.elapsed),
        f"{section.noun}/s": count(items / max(section.elapsed, 0.001)),
        "waited in all": seconds(sum(batch.wait for batch in batches)),
        "longest wait": seconds(max((batch.wait for batch in batches), default=0.0)),
        "longest hold": seconds(max((batch.hold for batch in batches), default=0.0)),
    }
    tiles = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>"
        for name, value in figures.items()
    )
    return f'<dl class="tiles">{tiles}</dl>'


def _reasons(section: Section) -> str:
    most = max(reason.count for reason in section.reasons)
    names = "rejected", "", "why", "constraint", f"first {section.place}s"
    rows = [
        (
            count(reason.count),
            f'<span style="width:{100 * reason.count / most:.1f}%"></span>',
            escaped(shortened(reason.text, _LONGEST)),
            escaped(reason.constraint),
            ", ".join(map(count, reason.places)),
        )
        for reason in section.reasons
    ]
    further = f"And {count(section.further)} for other reasons." if section.further else ""
    return _table(
        "Rejected, by reason", names, rows, ("n", "bar", "", "names", "names"), note=further
    )


def _rejections(section: Section) -> str:
    names = section.place, "column", "why", "item"
    rows = [
        (
            count(line.place),
            escaped(line.columns),
            escaped(shortened(line.reason, _LONGEST)),
            f"<code>{escaped(shortened(line.item, _LONGEST))}</code>",
        )
        for line in section.rejections
    ]
    shown, all_of_them = len(section.rejections), section.rejected
    title = "Rejected" if shown == all_of_them else f"The first {count(shown)} rejected"
    return _table(f"{title} {section.noun}", names, rows, ("n", "names", "", ""))


def _slowest(section: Section, title: str, heading: str, part: Callable[[Timed], float]) -> str:
    slowest = sorted(section.batches, key=part, reverse=True)[:_SLOWEST]
    rows = [
        (count(batch.index), count(batch.items), seconds(part(batch)), seconds(batch.ended))
        for batch in slowest
    ]
    names = "batch", section.noun, heading, "done after"
    return _table(title, names, rows, ("n", "n", "n", "n"), cards=False)


def _table(
    title: str,
    names: Sequence[str],
    rows: Iterable[Sequence[str]],
    kinds: Sequence[str],
    *,
    note: str = "",
    cards: bool = True,
) -> str:
    """Return a table; its cells are markup already, and on a phone each row is a card."""
    # As cards, the parts of a table are no longer laid out as one, so they say what they are.
    roles = {name: f' role="{name}"' if cards else "" for name in ("row", "columnheader", "cell")}
    columns = list(zip(map(escaped, names), kinds, strict=True))
    head = "".join(
        f'<th scope="col"{roles["columnheader"]} class="{kind}">{name}</th>'
        for name, kind in columns
    )
    body = "".join(
        f"<tr{roles['row']}>"
        + "".join(
            f'<td{roles["cell"]} class="{kind}" data-name="{name}">{cell}</td>'
            for (name, kind), cell in zip(columns, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    told = f'<p class="note">{escaped(note)}</p>' if note else ""
    kind = ' class="cards" role="table"' if cards else ""
    return (
        f'<div class="table"><table{kind}><caption>{escaped(title)}</caption>'
        f"<thead><tr{roles['row']}>{head}</tr></thead><tbody>{body}</tbody></table>{told}</div>"
    )
