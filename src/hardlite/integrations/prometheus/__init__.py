"""What hardlite counts, for Prometheus, by the package prometheus-client.

The names are part of the contract: dashboards and alerts stand on them. `collector` shows what one process
counts; `processes` writes it down for the multi-process mode of prometheus-client.
"""

from hardlite.integrations.prometheus.collector import HardliteCollector
from hardlite.integrations.prometheus.registering import register

__all__ = ["HardliteCollector", "register"]
