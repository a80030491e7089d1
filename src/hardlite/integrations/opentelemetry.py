"""What hardlite counts, for OpenTelemetry.

Counters and gauges are read when metrics are exported. OpenTelemetry reads no histograms in this way, so each
wait and each hold is recorded after its turn, when no other writer waits for that.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from hardlite.errors import MissingExtraError
from hardlite.metrics import DatabaseMetrics, collect
from hardlite.turns.figures import BOUNDS, Refusal, listen

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation

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


def instrument(provider: "MeterProvider | None" = None) -> Callable[[], None]:
    """Let OpenTelemetry export what hardlite counts, each with the attribute ``database``.

    Args:
        provider: whose meter it is; the one of the process if left out.

    Returns:
        What ends the recording of waits and holds, for who shuts the provider down before the process
        ends.

    Raises:
        MissingExtraError: the extra ``opentelemetry`` is not installed.

    >>> from hardlite.integrations.opentelemetry import instrument
    >>> stop = instrument()
    >>> stop()
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
    return listen(_Durations(meter))


class _Durations:
    def __init__(self, meter: "Meter") -> None:
        self._waits = meter.create_histogram(
            "hardlite.turn.wait",
            "s",
            "How long writers waited for their turn.",
            explicit_bucket_boundaries_advisory=BOUNDS,
        )
        self._holds = meter.create_histogram(
            "hardlite.turn.hold",
            "s",
            "How long writers had their turn.",
            explicit_bucket_boundaries_advisory=BOUNDS,
        )

    def turn_ended(self, database: str, waited: float, held: float, *, kept: bool) -> None:
        attributes = {"database": database, "outcome": "commit" if kept else "rollback"}
        self._waits.record(waited, attributes)
        self._holds.record(held, attributes)

    def writer_refused(self, database: str, cause: Refusal) -> None:
        """Refusals are counters, which are read when metrics are exported."""


def _observer(samples: _Samples) -> "Callable[[CallbackOptions], Iterator[Observation]]":
    from opentelemetry.metrics import Observation

    def observe(_: "CallbackOptions") -> "Iterator[Observation]":
        for each in collect():
            for attributes, value in samples(each):
                yield Observation(value, {"database": each.database, **attributes})

    return observe
