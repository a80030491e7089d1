"""Pictures of an import as inline SVG: what its batches did, and how fast it was.

The pictures are stretched to the width of the page, and so have no text in them: that stands
around them, and stays readable on a phone.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from hardlite.pages.text import count, escaped
from hardlite.readable import seconds

__all__ = ["Timed", "rate_chart", "timeline"]

_WIDTH: Final = 1200
_HEIGHT: Final = 300
_MOST_BARS: Final = 240
_LEAST: Final = 0.05
"""What is lower would be drawn as nothing."""
_RATES: Final = 120


class Timed(Protocol):
    """A batch, with the seconds that its parts took."""

    @property
    def index(self) -> int:
        """Its number."""
        ...

    @property
    def items(self) -> int:
        """How many items it had."""
        ...

    @property
    def prepare(self) -> float:
        """Seconds until it was ready to be written."""
        ...

    @property
    def wait(self) -> float:
        """Seconds until it had the turn."""
        ...

    @property
    def hold(self) -> float:
        """Seconds of the turn."""
        ...

    @property
    def ended(self) -> float:
        """Seconds from the start of the import to its end."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class _Bar:
    """Some batches in a row: the mean seconds of each part, and the longest hold."""

    prepare: float
    wait: float
    hold: float
    longest_hold: float

    @classmethod
    def of(cls, batches: Sequence[Timed]) -> "_Bar":
        def mean(part: Callable[[Timed], float]) -> float:
            return sum(map(part, batches)) / len(batches)

        return cls(
            mean(lambda batch: batch.prepare),
            mean(lambda batch: batch.wait),
            mean(lambda batch: batch.hold),
            max(batch.hold for batch in batches),
        )

    @property
    def height(self) -> float:
        return self.prepare + self.wait + self.hold


def timeline(batches: Sequence[Timed], max_hold: float | None) -> str:
    """Return a picture of the batches in order: hold, wait and prepare, one on the other.

    Args:
        batches: one or more; many share a bar, which then shows their mean.
        max_hold: seconds; the batches that held the turn longer are marked.
    """
    per_bar = math.ceil(len(batches) / _MOST_BARS)
    starts = range(0, len(batches), per_bar)
    bars = [_Bar.of(batches[start : start + per_bar]) for start in starts]
    limit = math.inf if max_hold is None else max_hold
    top = _round_up(max([bar.height for bar in bars] + [limit if _is_near(limit, bars) else 0]))
    over = sum(batch.hold > limit for batch in batches)
    told = "Each bar is a batch" if per_bar == 1 else f"Each bar is the mean of {per_bar} batches"
    told += ": its height is the time it took."
    if limit <= top:
        told += f" The dashed line is max_hold, {seconds(limit)}."
    if over:
        told += (
            f" Marked above: {count(over)} of {count(len(batches))} batches held the turn longer"
        )
        told += f" than max_hold, {seconds(limit)}."
    drawn = [
        _stack(bars, top, "prepare", lambda bar: bar.hold + bar.wait, lambda bar: bar.prepare),
        _stack(bars, top, "wait", lambda bar: bar.hold, lambda bar: bar.wait),
        _stack(bars, top, "hold", lambda _: 0.0, lambda bar: bar.hold),
    ]
    if over:
        drawn.append(_marks(bars, limit))
    if limit <= top:
        height = _HEIGHT * (1 - limit / top)
        drawn.append(f'<path class="limit" d="M0 {height:.1f}h{_WIDTH}"/>')
    legend = "".join(
        f'<li><span class="key {name}"></span>{told}</li>'
        for name, told in (
            ("prepare", "prepare: source and prepare()"),
            ("wait", "wait: for the turn"),
            ("hold", "hold: the turn itself"),
        )
    )
    return _figure(
        heading="Batches",
        caption=told,
        legend=f'<ul class="legend">{legend}</ul>',
        drawn=drawn,
        label=f"Bar chart of {count(len(batches))} batches, up to {seconds(top)} high",
        top=seconds(top),
        left=f"batch {count(batches[0].index)}",
        right=f"batch {count(batches[-1].index)}",
    )


def rate_chart(batches: Sequence[Timed], noun: str) -> str:
    """Return a picture of how many items a second went through, from the start to the end.

    Args:
        batches: one or more that took some time.
        noun: what an item is called, in the plural.
    """
    end = batches[-1].ended
    rates = _rates(batches, end)
    top = _round_up(max(rates))
    step = _WIDTH / len(rates)
    outline = "".join(
        f"V{_HEIGHT * (1 - rate / top):.1f}H{step * (place + 1):.1f}"
        for place, rate in enumerate(rates)
    )
    mean = sum(batch.items for batch in batches) / end
    return _figure(
        heading=f"{noun.capitalize()} per second",
        caption=f"{count(mean)} on average, good and bad ones, over {seconds(end)}.",
        legend="",
        drawn=[f'<path class="rate" d="M0 {_HEIGHT}{outline}V{_HEIGHT}z"/>'],
        label=f"Chart of {noun} per second over time, up to {count(top)}",
        top=count(top),
        left="0 s",
        right=seconds(end),
    )


def _rates(batches: Iterable[Timed], end: float) -> list[float]:
    """Spread the items of each batch evenly over the time since the batch before it."""
    width = end / _RATES
    items = [0.0] * _RATES
    before = 0.0
    for batch in batches:
        took = batch.ended - before
        first = min(int(before / width), _RATES - 1)
        last = min(int(batch.ended / width), _RATES - 1)
        for place in range(first, last + 1):
            begin, finish = max(before, place * width), min(batch.ended, (place + 1) * width)
            share = (finish - begin) / took if took > 0 else 1 / (last - first + 1)
            items[place] += batch.items * max(share, 0.0)
        before = batch.ended
    return [number / width for number in items]


def _stack(
    bars: Sequence[_Bar],
    top: float,
    name: str,
    below: Callable[[_Bar], float],
    part: Callable[[_Bar], float],
) -> str:
    step = _WIDTH / len(bars)
    width = step if len(bars) > _MOST_BARS / 4 else step * 0.8
    drawn = ""
    for place, bar in enumerate(bars):
        height = _HEIGHT * part(bar) / top
        if height >= _LEAST:
            bottom = _HEIGHT * (1 - below(bar) / top)
            drawn += f"M{place * step:.1f} {bottom:.1f}v-{height:.1f}h{width:.1f}v{height:.1f}z"
    return f'<path class="{name}" d="{drawn}"/>'


def _marks(bars: Sequence[_Bar], limit: float) -> str:
    step = _WIDTH / len(bars)
    drawn = "".join(
        f"M{place * step:.1f} 0v8h{step:.1f}v-8z"
        for place, bar in enumerate(bars)
        if bar.longest_hold > limit
    )
    return f'<path class="over" d="{drawn}"/>'


def _is_near(limit: float, bars: Sequence[_Bar]) -> bool:
    """Say whether a line at ``limit`` would leave the bars room to be seen."""
    return limit <= 2 * max(bar.height for bar in bars)


def _round_up(number: float) -> float:
    """Return a round number that is not smaller."""
    if number <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(number))
    # Sums of fractions are off by a little, which is no reason for a larger scale.
    least = number * (1 - 1e-9)
    return next(unit * step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if unit * step >= least)


def _figure(
    *,
    heading: str,
    caption: str,
    legend: str,
    drawn: Sequence[str],
    label: str,
    top: str,
    left: str,
    right: str,
) -> str:
    return (
        f"<figure><h3>{escaped(heading)}</h3><figcaption>{escaped(caption)}</figcaption>{legend}"
        f'<div class="plot"><span class="top">{escaped(top)}</span><span class="zero">0</span>'
        f'<svg role="img" aria-label="{escaped(label)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'preserveAspectRatio="none"><title>{escaped(label)}</title>{"".join(drawn)}</svg>'
        f'<span class="left">{escaped(left)}</span><span class="right">{escaped(right)}</span>'
        "</div></figure>"
    )
