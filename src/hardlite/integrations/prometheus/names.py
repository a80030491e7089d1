"""What the metrics are called, and what they mean; the same in each mode."""

from typing import Final

__all__ = ["HOLDS", "LABEL", "REFUSED", "SIZE", "TURNS", "WAITING", "WAITS", "WAL_SIZE"]

LABEL: Final = "database"

WAITS: Final = ("hardlite_turn_wait_seconds", "How long writers waited for their turn.")
HOLDS: Final = ("hardlite_turn_hold_seconds", "How long writers had their turn.")
TURNS: Final = ("hardlite_turns", "Turns that ended, by outcome.")
REFUSED: Final = ("hardlite_refused", "Writers that were refused, by cause.")
WAITING: Final = ("hardlite_turns_waiting", "Threads that wait for a turn now.")
SIZE: Final = ("hardlite_database_bytes", "Size of the database file.")
WAL_SIZE: Final = ("hardlite_wal_bytes", "Size of the WAL.")
