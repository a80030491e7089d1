"""`Profile`: the settings of a hardened engine, declared once and read by every part."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Literal, Self, get_args

from hardlite.errors import ConfigurationError

__all__ = [
    "DriverName",
    "JournalMode",
    "Profile",
    "Synchronous",
    "TempStore",
    "TransactionMode",
    "profile_from",
]

JournalMode = Literal["wal", "delete", "truncate", "persist", "memory", "off"]
Synchronous = Literal["off", "normal", "full", "extra"]
TempStore = Literal["default", "file", "memory"]
TransactionMode = Literal["relaxed", "snapshot", "immediate"]
Network = Literal["fallback", "refuse"]
DriverName = Literal["sqlite3", "pysqlite3"]

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "journal_mode": get_args(JournalMode),
    "synchronous": get_args(Synchronous),
    "temp_store": get_args(TempStore),
    "transaction": get_args(TransactionMode),
    "network": get_args(Network),
    "driver": get_args(DriverName),
}
_SECONDS = ("busy_timeout", "timeout", "warn_wait", "warn_hold")
_WHOLE = ("cache_size", "wal_autocheckpoint", "journal_size_limit", "mmap_size")
_SWITCHES = ("foreign_keys", "track_checkouts")
_SWITCH = "True or False; in a URL, on or off"
_TRUE = {"on", "true", "yes", "1"}
_FALSE = {"off", "false", "no", "0"}

_LONGEST_BUSY_TIMEOUT = (2**31 - 1) // 1000

MEBIBYTE = 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The settings of a hardened engine. ``Profile()`` is the default.

    Names are SQLite's own (sqlite.org, "PRAGMA Statements"); times are seconds.

    Attributes:
        journal_mode: WAL lets readers and one writer work at once (sqlite.org, "Write-Ahead
            Logging"). Where the file system rules WAL out, hardlite says so once and uses a
            rollback journal.
        synchronous: NORMAL with WAL never corrupts; a power cut may lose the last commits.
        foreign_keys: whether foreign keys are enforced; SQLite's own default is not to.
        busy_timeout: seconds SQLite itself waits for a lock that the gate does not order; at most
            24 days, which is what fits into SQLite's milliseconds.
        timeout: seconds a writer waits for its turn before `DatabaseLockedError`.
        cache_size: page cache of a connection; negative counts KiB, positive counts pages.
        temp_store: where temporary tables and indexes live.
        wal_autocheckpoint: pages in the WAL after which a commit runs a checkpoint.
        journal_size_limit: bytes to which the WAL is cut after a checkpoint that reset it.
        mmap_size: bytes of the file to map into memory; ``None`` maps 256 MiB where that is
            safe (local disk, 64-bit process, a SQLite without the WAL-reset bug) and else nothing.
        transaction: when a transaction takes its snapshot and its turn: ``"relaxed"``,
            ``"snapshot"`` or ``"immediate"``.
        warn_wait: seconds of waiting for a turn after which a warning names the holder.
        warn_hold: seconds of holding a turn after which a warning is logged.
        network: what becomes of a file on a network file system, where WAL loses data:
            ``"fallback"`` warns once and uses a rollback journal, ``"refuse"`` raises.
        driver: the module that drives SQLite: ``"sqlite3"`` is Python's own, ``"pysqlite3"``
            brings a newer SQLite, for sync engines.
        track_checkouts: whether the line of code is noted where each connection is taken from the
            pool, so that `status` names a leak.

    Raises:
        ConfigurationError: a value is not one of those allowed.

    >>> Profile(busy_timeout=10).busy_timeout
    10
    >>> Profile.durable().synchronous
    'full'
    """

    journal_mode: JournalMode = "wal"
    synchronous: Synchronous = "normal"
    foreign_keys: bool = True
    busy_timeout: float = 5.0
    timeout: float = 30.0
    cache_size: int = -64000
    temp_store: TempStore = "memory"
    wal_autocheckpoint: int = 1000
    journal_size_limit: int = 64 * MEBIBYTE
    mmap_size: int | None = None
    transaction: TransactionMode = "relaxed"
    warn_wait: float = 1.0
    warn_hold: float = 2.0
    network: Network = "fallback"
    driver: DriverName = "sqlite3"
    track_checkouts: bool = False

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            _require(
                name, getattr(self, name), getattr(self, name) in choices, " or ".join(choices)
            )
        for name in _SECONDS:
            value = getattr(self, name)
            good = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
            _require(name, value, good, "a number of seconds, 0 or more")
        fits = self.busy_timeout <= _LONGEST_BUSY_TIMEOUT
        _require(
            "busy_timeout", self.busy_timeout, fits, f"at most {_LONGEST_BUSY_TIMEOUT} seconds"
        )
        for name in _WHOLE:
            value = getattr(self, name)
            good = isinstance(value, int) and not isinstance(value, bool)
            _require(name, value, good or (name == "mmap_size" and value is None), "a whole number")
        for name in _SWITCHES:
            value = getattr(self, name)
            _require(name, value, isinstance(value, bool), _SWITCH)

    @classmethod
    def durable(cls) -> Self:
        """Return a profile whose every commit survives a power cut: ``synchronous`` FULL."""
        return cls(synchronous="full")

    @classmethod
    def strict(cls) -> Self:
        """Return a profile whose transactions read one consistent snapshot."""
        return cls(transaction="snapshot")

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names of all settings."""
        return frozenset(field.name for field in dataclasses.fields(cls))

    @classmethod
    def nearest(cls, name: str) -> str | None:
        """Return the setting that ``name`` may have been meant for."""
        return next(iter(difflib.get_close_matches(name, cls.names(), n=1)), None)

    def evolve(self, settings: Mapping[str, object]) -> Self:
        """Return a copy with ``settings`` changed.

        Raises:
            ConfigurationError: a name or a value is not known; the hint names the nearest one.
        """
        for name in settings:
            if name not in self.names():
                near = self.nearest(name)
                known = f"Did you mean {near!r}?" if near else _known(self.names())
                raise ConfigurationError(f"hardlite has no setting {name!r}", known)
        return dataclasses.replace(self, **settings)  # type: ignore[arg-type]

    def evolve_from_text(self, settings: Mapping[str, str]) -> Self:
        """Return a copy with ``settings`` changed, their values written as in a URL.

        Switches read ``on`` and ``off``; times are seconds; words may be in any case.

        Raises:
            ConfigurationError: a name or a value is not known.
        """
        return self.evolve({name: _from_text(name, text) for name, text in settings.items()})

    def as_text(self) -> dict[str, str]:
        """Return the settings that differ from ``Profile()``, written as in a URL."""
        default = type(self)()
        changed = {
            name: value
            for name in sorted(self.names())
            if (value := getattr(self, name)) != getattr(default, name)
        }
        return {
            name: ("on" if value else "off") if isinstance(value, bool) else str(value)
            for name, value in changed.items()
        }


def profile_from(value: object, *, argument: str) -> Profile:
    """Return ``value`` if it is a profile, and the default one for None.

    Args:
        value: what a caller gave.
        argument: the name it was given by.

    Raises:
        ConfigurationError: it is something else.
    """
    if value is None:
        return Profile()
    if not isinstance(value, Profile):
        raise ConfigurationError(f"{argument}= cannot be {value!r}", "It takes a hardlite.Profile.")
    return value


def _known(names: frozenset[str]) -> str:
    return f"The settings are: {', '.join(sorted(names))}."


def _require(name: str, value: object, good: object, expected: str) -> None:
    if not good:
        raise ConfigurationError(f"The setting {name} cannot be {value!r}", f"It takes {expected}.")


def _from_text(name: str, text: str) -> object:
    lowered = text.strip().lower()
    if name in _SWITCHES and lowered in _TRUE | _FALSE:
        return lowered in _TRUE
    try:
        if name in _SECONDS:
            return int(lowered) if lowered.isdecimal() else float(lowered)
        if name in _WHOLE:
            return int(lowered)
    except ValueError:
        return text
    return lowered
