"""What hardlite counts, for OpenTelemetry: instruments that are read when metrics are exported.

OpenTelemetry reads counters and gauges in this way, and no histograms; so waits and holds are told as their
number, and as all of their seconds together.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from hardlite.errors import MissingExtraError
from hardlite.metrics import DatabaseMetrics, collect

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

__all__ = ["instrument"]

_Samples = Callable[[DatabaseMetrics], Iterable[tuple[dict[str, str], int | float]]]

_COUNTERS: Final[dict[str, tuple[str, str, _Samples]]] = {
    "hardlite.turns": (
        "{turn}",
        "Turns that ended, by outcome.",
        lambda each: (
            ({"outcome": "commit"}, each.commits),
            ({"outcome": "rollback"}, each.rollbacks),
        ),
    ),
    "hardlite.refused": (
        "{writer}",
        "Writers that were refused, by cause.",
        lambda each: (({"cause": cause}, count) for cause, count in each.refused.items()),
    ),
    "hardlite.turn.wait": (
        "s",
        "Seconds that writers waited for their turn, all together.",
        lambda each: (({}, each.waits.total),),
    ),
    "hardlite.turn.hold": (
        "s",
        "Seconds that writers had their turn, all together.",
        lambda each: (({}, each.holds.total),),
    ),
}
_GAUGES: Final[dict[str, tuple[str, str, _Samples]]] = {
    "hardlite.turns.waiting": (
        "{thread}",
        "Threads that wait for a turn now.",
        lambda each: (({}, each.waiting),),
    ),
    "hardlite.database.size": (
        "By",
        "Size of the database file.",
        lambda each: () if each.database_bytes is None else (({}, each.database_bytes),),
    ),
    "hardlite.wal.size": ("By", "Size of the WAL.", lambda each: (({}, each.wal_bytes),)),
}


def instrument(provider: "MeterProvider | None" = None) -> None:
    """Let OpenTelemetry export what hardlite counts, each with the attribute ``database``.

    Args:
        provider: whose meter it is; the one of the process if left out.

    Raises:
        MissingExtraError: the extra ``opentelemetry`` is not installed.

    >>> from hardlite.integrations.opentelemetry import instrument
    >>> instrument()
    """
    try:
        from opentelemetry import metrics
    except ModuleNotFoundError:
        raise MissingExtraError("opentelemetry", "hardlite.integrations.opentelemetry") from None
    meter = (metrics.get_meter_provider() if provider is None else provider).get_meter("hardlite")
    for name, (unit, told, samples) in _COUNTERS.items():
        meter.create_observable_counter(name, [_observer(samples)], unit, told)
    for name, (unit, told, samples) in _GAUGES.items():
        meter.create_observable_gauge(name, [_observer(samples)], unit, told)


def _observer(samples: _Samples) -> "Callable[[CallbackOptions], Iterator[Observation]]":
    from opentelemetry.metrics import Observation

    def observe(_: "CallbackOptions") -> "Iterator[Observation]":
        for each in collect():
            for attributes, value in samples(each):
                yield Observation(value, {"database": each.database, **attributes})

    return observe
