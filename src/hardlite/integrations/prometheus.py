"""What hardlite counts, for Prometheus: a collector for the package prometheus-client.

The names are part of the contract: dashboards and alerts stand on them. Every process counts for itself; with
several workers, let each be scraped on a port of its own.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from hardlite.errors import MissingExtraError
from hardlite.metrics import DatabaseMetrics, Distribution, collect

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import CollectorRegistry

__all__ = ["HardliteCollector", "register"]

_LABEL: Final = ("database",)

_GAUGES: Final[dict[str, tuple[str, Callable[[DatabaseMetrics], int | None]]]] = {
    "hardlite_turns_waiting": ("Threads that wait for a turn now.", lambda each: each.waiting),
    "hardlite_database_bytes": (
        "Size of the database file.",
        lambda each: each.database_bytes,
    ),
    "hardlite_wal_bytes": ("Size of the WAL.", lambda each: each.wal_bytes),
}
_HISTOGRAMS: Final[dict[str, tuple[str, Callable[[DatabaseMetrics], Distribution]]]] = {
    "hardlite_turn_wait_seconds": (
        "How long writers waited for their turn.",
        lambda each: each.waits,
    ),
    "hardlite_turn_hold_seconds": ("How long writers had their turn.", lambda each: each.holds),
}


class HardliteCollector:
    """A collector of prometheus-client (its documentation, "Custom Collectors")."""

    def collect(self) -> "Iterable[Metric]":
        """Yield every metric, with a sample for each database of this process."""
        from prometheus_client import core

        found = collect()
        yield from _gauges(core, found)
        turns = core.CounterMetricFamily(
            "hardlite_turns", "Turns that ended, by outcome.", labels=(*_LABEL, "outcome")
        )
        refused = core.CounterMetricFamily(
            "hardlite_refused", "Writers that were refused, by cause.", labels=(*_LABEL, "cause")
        )
        for each in found:
            turns.add_metric((each.database, "commit"), each.commits)
            turns.add_metric((each.database, "rollback"), each.rollbacks)
            for cause, count in each.refused.items():
                refused.add_metric((each.database, cause), count)
        yield turns
        yield refused
        for name, (told, value) in _HISTOGRAMS.items():
            family = core.HistogramMetricFamily(name, told, labels=_LABEL)
            for each in found:
                family.add_metric((each.database,), **_samples(value(each)))
            yield family


def register(registry: "CollectorRegistry | None" = None) -> HardliteCollector:
    """Let prometheus-client show what hardlite counts.

    Args:
        registry: where; the one of the process if left out.

    Raises:
        MissingExtraError: the extra ``prometheus`` is not installed.

    >>> from hardlite.integrations.prometheus import register
    >>> from prometheus_client import CollectorRegistry, generate_latest
    >>> registry = CollectorRegistry()
    >>> _ = register(registry)
    >>> b"hardlite_turns_total" in generate_latest(registry)
    True
    """
    try:
        import prometheus_client
    except ModuleNotFoundError:
        raise MissingExtraError("prometheus", "hardlite.integrations.prometheus") from None
    collector = HardliteCollector()
    (prometheus_client.REGISTRY if registry is None else registry).register(collector)
    return collector


def _gauges(core: Any, found: Iterable[DatabaseMetrics]) -> "Iterator[Metric]":  # noqa: ANN401 - a module
    for name, (told, value) in _GAUGES.items():
        family = core.GaugeMetricFamily(name, told, labels=_LABEL)
        for each in found:
            size = value(each)
            if size is not None:
                family.add_metric((each.database,), size)
        yield family


def _samples(distribution: Distribution) -> dict[str, Any]:
    buckets = [(str(bound), float(count)) for bound, count in distribution.buckets]
    return {
        "buckets": [*buckets, ("+Inf", float(distribution.count))],
        "sum_value": distribution.total,
    }
