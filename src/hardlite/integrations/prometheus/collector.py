"""What this process counts, as a collector of prometheus-client: read when it is scraped."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from hardlite.integrations.prometheus.names import (
    HOLDS,
    LABEL,
    REFUSED,
    SIZE,
    TURNS,
    WAITING,
    WAITS,
    WAL_SIZE,
)
from hardlite.metrics import DatabaseMetrics, Distribution, collect

if TYPE_CHECKING:
    from prometheus_client import Metric

__all__ = ["HardliteCollector"]

_GAUGES: Final[tuple[tuple[tuple[str, str], Callable[[DatabaseMetrics], int | None]], ...]] = (
    (WAITING, lambda each: each.waiting),
    (SIZE, lambda each: each.database_bytes),
    (WAL_SIZE, lambda each: each.wal_bytes),
)
_HISTOGRAMS: Final[
    tuple[tuple[tuple[str, str], Callable[[DatabaseMetrics], Distribution]], ...]
] = (
    (WAITS, lambda each: each.waits),
    (HOLDS, lambda each: each.holds),
)


class HardliteCollector:
    """A collector of prometheus-client (its documentation, "Custom Collectors")."""

    def collect(self) -> "Iterable[Metric]":
        """Yield every metric, with a sample for each database of this process."""
        from prometheus_client import core

        found = collect()
        yield from _gauges(core, found)
        turns = core.CounterMetricFamily(*TURNS, labels=(LABEL, "outcome"))
        refused = core.CounterMetricFamily(*REFUSED, labels=(LABEL, "cause"))
        for each in found:
            turns.add_metric((each.database, "commit"), each.commits)
            turns.add_metric((each.database, "rollback"), each.rollbacks)
            for cause, count in each.refused.items():
                refused.add_metric((each.database, cause), count)
        yield turns
        yield refused
        for name, value in _HISTOGRAMS:
            family = core.HistogramMetricFamily(*name, labels=(LABEL,))
            for each in found:
                family.add_metric((each.database,), **_samples(value(each)))
            yield family


def _gauges(core: Any, found: Iterable[DatabaseMetrics]) -> "Iterator[Metric]":  # noqa: ANN401 - a module
    for name, value in _GAUGES:
        family = core.GaugeMetricFamily(*name, labels=(LABEL,))
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
