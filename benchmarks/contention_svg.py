"""The drawings of contention.py, as SVG that takes its colours from the page around it."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from contention_figures import QUANTILES, Figures, quantile
from contention_systems import SYSTEMS
from contention_tables import milliseconds

__all__ = ["fairness_bars", "wait_curves"]

_WIDTH, _HEIGHT = 770, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 190, 22, 46
_SHORTEST = 1e-5
"""Seconds at the lower end of the scale: nobody waits less, as far as one can see."""
_STEPS = 120
_LABEL = 15
_ROW = 34


class _Scales:
    """Where a share of the waits and a wait are drawn: both logarithmic."""

    def __init__(self, figures: Sequence[Figures]) -> None:
        most = max((len(each.waits) for each in figures), default=0)
        longest = max((each.waits[-1] for each in figures if each.waits), default=1.0)
        self.nines = max(2.0, math.log10(max(most, 1)))
        self.low = math.log10(_SHORTEST)
        self.high = max(math.ceil(math.log10(max(longest, _SHORTEST))), -2)

    def x(self, nines: float) -> float:
        """The place of the wait that all but one in ``10 ** nines`` do not exceed."""
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * nines / self.nines

    def y(self, wait: float) -> float:
        """The height of a wait in seconds."""
        share = (math.log10(max(wait, _SHORTEST)) - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share


def wait_curves(group: str, systems: Mapping[str, Figures]) -> str:
    """Draw how long the waits of each system are, from the shortest to the longest.

    Args:
        group: whose waits they are.
        systems: the figures of each system.
    """
    scales = _Scales(list(systems.values()))
    lines = [_curve(name, figures, scales) for name, figures in systems.items() if figures.waits]
    return "\n".join((
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>Waits of the {escape(group)}, each system from its shortest to its longest</title>",
        *_grid(scales),
        *lines,
        *_labels(systems, scales),
        "</svg>",
    ))  # fmt: skip


def _grid(scales: _Scales) -> list[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    marks = []
    for power in range(math.floor(scales.low), scales.high + 1):
        y = scales.y(10**power)
        marks.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        marks.append(_text(_LEFT - 8, y + 4, _power(power), "end"))
    shares = [(0.0, "0 %"), (-math.log10(0.5), "50 %")]
    shares += [(n, f"{100 - 100 / 10**n:.7g} %") for n in range(1, math.floor(scales.nines) + 1)]
    for nines, label in shares:
        x = scales.x(nines)
        marks.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>')
        marks.append(_text(x, bottom + 16, label, "middle"))
    middle = (_LEFT + right) / 2
    marks.append(_text(middle, _HEIGHT - 8, "share of the waits that are no longer", "middle"))
    height = (_TOP + bottom) / 2
    turned = f'transform="rotate(-90 14 {height:.0f})"'
    marks.append(_text(14, height, "wait, logarithmic", "middle", turned))
    return marks


def _power(power: int) -> str:
    """Tell ten to a power in seconds."""
    for unit, scale in (("s", 0), ("ms", 3), ("µs", 6)):
        if power + scale >= 0:
            return f"{10 ** (power + scale)} {unit}"
    return f"1e{power} s"


def _curve(name: str, figures: Figures, scales: _Scales) -> str:
    count = len(figures.waits)
    last = math.log10(count)
    places = [last * step / _STEPS for step in range(_STEPS)]
    points = [(nines, quantile(figures.waits, 1 - 10**-nines)) for nines in places]
    points.append((last, figures.waits[-1]))
    path = " ".join(f"{scales.x(nines):.1f},{scales.y(wait):.1f}" for nines, wait in points)
    told = ", ".join(
        f"{label} {milliseconds(quantile(figures.waits, share))} ms"
        for label, share in QUANTILES.items()
    )
    return (
        f'<g class="{name}"><title>{escape(SYSTEMS[name].title)}: {told}</title>'
        f'<polyline points="{path}"/>'
        f'<circle cx="{scales.x(last):.1f}" cy="{scales.y(figures.waits[-1]):.1f}" r="3.5"/></g>'
    )


def _labels(systems: Mapping[str, Figures], scales: _Scales) -> list[str]:
    """Name each curve and its longest wait beside its end, none on top of another."""
    ends = sorted(
        (scales.y(figures.waits[-1]), name, figures)
        for name, figures in systems.items()
        if figures.waits
    )
    labels = [_text(_WIDTH - _RIGHT + 8, _TOP - 4, "longest", "start")]
    lowest = _HEIGHT - _BOTTOM - _LABEL * (len(ends) - 1)
    free = _TOP + _LABEL / 2
    for number, (height, name, figures) in enumerate(ends):
        y = max(min(height, lowest + _LABEL * number), free)
        free = y + _LABEL
        told = f"{SYSTEMS[name].title} {_rounded(figures.waits[-1])}"
        labels.append(_text(_WIDTH - _RIGHT + 8, y + 4, told, "start", f'class="{name}"'))
    return labels


def _rounded(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{milliseconds(seconds)} ms"


def fairness_bars(group: str, systems: Mapping[str, Figures]) -> str:
    """Draw how evenly each system served its workers, and tell its errors and its speed.

    Args:
        group: whose commits they are.
        systems: the figures of each system.
    """
    left, width, top = 140, 180, 30
    bottom = top + _ROW * len(systems)
    parts = [
        f'<svg viewBox="0 0 480 {bottom + 44}" role="img">',
        f"<title>How evenly the {escape(group)} were served</title>",
        _text(390, 18, "errors", "end"),
        _text(470, 18, "commits/s", "end"),
    ]
    for tick in (0.0, 0.5, 1.0):
        x = left + width * tick
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>')
        parts.append(_text(x, bottom + 16, f"{tick:g}", "middle"))
    for number, (name, figures) in enumerate(systems.items()):
        y = top + _ROW * number + 6
        length = width * (0.0 if math.isnan(figures.jain) else figures.jain)
        box = f'x="{left}" y="{y}" width="{length:.1f}" height="{_ROW - 12}"'
        alarm = 'class="bad"' if figures.failed else ""
        parts += [
            _text(left - 8, y + 15, SYSTEMS[name].title, "end", f'class="{name}"'),
            f'<rect class="{name}" {box}/>',
            _value(left + length, y + 15, figures.jain),
            _text(390, y + 15, f"{figures.failed:,}", "end", alarm),
            _text(470, y + 15, f"{figures.rate:,.0f}", "end"),
        ]
    caption = "Jain's index of the commits of each worker; 1: all the same"
    parts += [_text(left + width / 2, bottom + 36, caption, "middle"), "</svg>"]
    return "\n".join(parts)


def _value(x: float, y: float, jain: float) -> str:
    """The figure of a bar: inside where it is long enough, else beside it."""
    if math.isnan(jain):
        return _text(x + 6, y, "no commits", "start")
    inside = jain > 0.3  # noqa: PLR2004 - as wide as the figure
    extra = 'class="on-bar"' if inside else ""
    return _text(x - 6 if inside else x + 6, y, f"{jain:.3f}", "end" if inside else "start", extra)


def _text(x: float, y: float, words: str, anchor: str, extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{escape(words)}</text>'
