"""The pragmas of a hardened connection: each set, read back and compared.

SQLite ignores what it does not like without a word, so the answer is read (sqlite.org, "PRAGMA
Statements"). The busy timeout is there first: it is given to the driver when the file is opened.
"""

import dataclasses
import logging
import pathlib
import sqlite3
import sys
from collections.abc import Callable, Iterator

from hardlite.clock import Clock, system_clock
from hardlite.connections.drivers import Driver, driver_named
from hardlite.errors import ConfigurationError, PragmaRejectedError
from hardlite.filesystems import is_network
from hardlite.log_events import log_event
from hardlite.profile import MEBIBYTE, Profile
from hardlite.result_codes import Fate, fate_of, primary_code
from hardlite.wal_reset import wal_reset_bug

__all__ = ["Place", "apply_pragmas"]

_log = logging.getLogger("hardlite.engine")

_SYNCHRONOUS = {"off": 0, "normal": 1, "full": 2, "extra": 3}
_TEMP_STORE = {"default": 0, "file": 1, "memory": 2}
_MMAP = 256 * MEBIBYTE
_REFUSALS = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}
_said: set[str] = set()

Run = Callable[[str], object]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a database is.

    Attributes:
        file: its absolute path; empty in memory.
        writable: whether it can be written.
    """

    file: str
    writable: bool


def apply_pragmas(run: Run, profile: Profile, place: Place, *, clock: Clock = system_clock) -> None:
    """Set every pragma of ``profile``, read each back and compare.

    Args:
        run: runs one statement and returns the first column of its first row.
        profile: the settings.
        place: where the database is.
        clock: bounds the wait for processes that open the file at the same moment.

    Raises:
        ConfigurationError: the file is on a network file system, and ``network="refuse"``.
        PragmaRejectedError: SQLite holds another value than the one set.
    """
    if profile.network == "refuse" and place.file and is_network(place.file):
        raise ConfigurationError(
            f"{place.file} is on a network file system, whose locks do not keep writers apart",
            "Put the file on a local disk; or leave network= at 'fallback', which uses a rollback "
            "journal there and trusts the locks of that file system.",
        )
    driver = driver_named(profile.driver)
    patient = _patient(run, driver, clock, clock.now() + profile.timeout)
    _set(patient, driver, "busy_timeout", round(profile.busy_timeout * 1000))
    if place.file and place.writable:
        took = _set_journal_mode(patient, driver, profile, place.file)
        if not took and profile.synchronous == "normal":
            # NORMAL never corrupts in WAL; with a rollback journal a power cut can (sqlite.org,
            # "PRAGMA Statements", synchronous).
            profile = dataclasses.replace(profile, synchronous="full")
    for name, value in _settings(profile, driver, place):
        _set(patient, driver, name, value)


def _settings(profile: Profile, driver: Driver, place: Place) -> Iterator[tuple[str, int]]:
    yield "foreign_keys", int(profile.foreign_keys)
    yield "synchronous", _SYNCHRONOUS[profile.synchronous]
    yield "cache_size", profile.cache_size
    yield "temp_store", _TEMP_STORE[profile.temp_store]
    yield "wal_autocheckpoint", profile.wal_autocheckpoint
    if place.file:
        yield "journal_size_limit", profile.journal_size_limit
        yield "mmap_size", _mmap_size(profile, driver, place.file)


def _mmap_size(profile: Profile, driver: Driver, file: str) -> int:
    if profile.mmap_size is not None:
        return profile.mmap_size
    safe = (
        sys.maxsize > 2**32
        and sys.platform == "linux"
        and not wal_reset_bug(driver.version)
        and not is_network(file)
    )
    return _MMAP if safe else 0


def _set(run: Run, driver: Driver, name: str, value: int) -> None:
    run(f"PRAGMA {name} = {value}")
    found = run(f"PRAGMA {name}")
    # What a SQLite or its file system layer does not have gives no answer: it is off.
    if found is not None or value != 0:
        _require_held(driver, name, value, found)


def _require_held(driver: Driver, name: str, wanted: int | str, found: object) -> None:
    if found != wanted:
        version = driver.module.sqlite_version
        raise PragmaRejectedError(
            f"PRAGMA {name} was set to {wanted}, but SQLite {version} holds {found}",
            f"This SQLite may be built or configured without it; give the engine {name}= a value it accepts.",
        )


def _set_journal_mode(run: Run, driver: Driver, profile: Profile, file: str) -> bool:
    """Set the journal mode; say no if WAL was wanted and cannot be had."""
    wanted = profile.journal_mode
    if wanted == "wal" and is_network(file):
        _say_once(file, "it is on a network file system, where WAL loses data")
        wanted = "delete"
    elif wanted == "wal" and _has_other_names(file):
        _say_once(
            file,
            "the file has another name (a hard link), under which it would have another WAL, and "
            "commits would be lost: remove that name, or use a symbolic link",
        )
        wanted = "delete"
    held = run("PRAGMA journal_mode")
    if held == wanted:
        return wanted == profile.journal_mode
    if held == "memory" and wanted == "wal":
        # Of a new connection only a database in memory says so, one that has a name.
        return True
    try:
        found = run(f"PRAGMA journal_mode = {wanted}")
    except driver.module.OperationalError as error:
        if wanted != "wal" or primary_code(error) not in _REFUSALS:
            raise
        _say_once(file, f"SQLite answered: {error}")
        return False
    if wanted == "wal" and found != wanted:
        _say_once(file, f"SQLite stays at journal_mode {found}")
        return False
    _require_held(driver, "journal_mode", wanted, found)
    return wanted == profile.journal_mode


def _has_other_names(file: str) -> bool:
    """Say whether there are hard links (sqlite.org, "How To Corrupt An SQLite Database File")."""
    path = pathlib.Path(file)
    return path.is_file() and path.stat().st_nlink > 1


def _say_once(file: str, reason: str) -> None:
    if file not in _said:
        _said.add(file)
        _log.warning(
            "no WAL for %s: %s. Readers and writers will wait for each other.",
            file,
            reason,
            extra=log_event("wal.unavailable", database=file, reason=reason),
        )


def _patient(run: Run, driver: Driver, clock: Clock, deadline: float) -> Run:
    """Try again while other processes open the same new file.

    The change to WAL needs the file alone, and SQLite does not always ask its busy handler then.
    """

    def patiently(sql: str) -> object:
        while True:
            try:
                return run(sql)
            except driver.module.OperationalError as error:
                if fate_of(error) is not Fate.WAIT or clock.now() >= deadline:
                    raise
            clock.sleep(0.002)

    return patiently
