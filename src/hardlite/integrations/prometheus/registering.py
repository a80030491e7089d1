"""Letting prometheus-client show what hardlite counts, in the mode that the process is in."""

from typing import TYPE_CHECKING

from hardlite.clock import system_clock
from hardlite.errors import MissingExtraError
from hardlite.integrations.prometheus.collector import HardliteCollector
from hardlite.integrations.prometheus.processes import write_down

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry

__all__ = ["register"]


def register(registry: "CollectorRegistry | None" = None) -> HardliteCollector | None:
    """Let prometheus-client show what hardlite counts.

    Where the environment has ``PROMETHEUS_MULTIPROC_DIR``, prometheus-client is in its multi-process mode:
    then nothing is registered, and every turn from now on is written to the files of this process. Call it
    in each process, or before the fork; a second call changes nothing.

    Args:
        registry: where; the one of the process if left out. In the multi-process mode it is not used.

    Returns:
        What was registered; None in the multi-process mode.

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
        from prometheus_client import values
    except ModuleNotFoundError:
        raise MissingExtraError("prometheus", "hardlite.integrations.prometheus") from None
    # Not the environment: prometheus-client has looked at that once, when it was imported.
    if values.ValueClass is not values.MutexValue:
        write_down(system_clock)
        return None
    collector = HardliteCollector()
    (prometheus_client.REGISTRY if registry is None else registry).register(collector)
    return collector
