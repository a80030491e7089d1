"""All that can be seen of a database from outside, and of an engine from inside, at one moment."""

import dataclasses
import os
import shlex
import shutil
import sqlite3
from collections.abc import Mapping
from typing import Final

from sqlalchemy.engine import Engine

from hardlite.checkouts import Checkout, checkouts_of
from hardlite.clock import Clock
from hardlite.connections.drivers import Driver
from hardlite.doctor.database_content import Check, Content, content_of
from hardlite.doctor.open_files import OpenFiles, who_has_open
from hardlite.engine import profile_of
from hardlite.errors import ConfigurationError
from hardlite.filesystems import filesystem_type, is_network
from hardlite.inspection.effective import driver_for, effective_pragmas
from hardlite.inspection.headers import Headers, read_headers
from hardlite.inspection.pools import PoolStatus, pool_status
from hardlite.inspection.reading import Unread, read
from hardlite.lock_holders import LockHolders, holders
from hardlite.lock_holders.observation import observe
from hardlite.turns.gate_registry import known_gate

__all__ = ["EngineFacts", "Facts", "gather"]

_SUFFIXES: Final = ("", "-wal", "-shm", "-journal", "-gate", "-gateq")
_LOOKS: Final = 3
_BETWEEN_LOOKS: Final = 0.15
"""Seconds between two looks at locks; who has one at each of them has it for long."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What an engine's connections do, which no file tells.

    Attributes:
        hardened: whether hardlite made it.
        pragmas: what an idle connection holds; None if there is none.
        pool: how many connections are in use.
        checkouts: who has them; empty if that is not noted.
        trouble: why its writers do not take turns with other processes.
    """

    hardened: bool
    pragmas: Mapping[str, int | str] | None
    pool: PoolStatus | None
    checkouts: tuple[Checkout, ...]
    trouble: Exception | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was seen; nothing is judged here.

    Attributes:
        file: the real path of the database file.
        driver: what SQLite was asked with.
        headers: what its files begin with; None if that could not be read.
        files: what the system tells of the file and those beside it, by suffix, if they exist.
        directory: the same of its directory.
        may_write_file: whether this user may.
        may_write_directory: whether this user may.
        filesystem: its type.
        on_network: whether that is known to be a network's.
        free: bytes that this user may still write on that disk.
        in_use: whether any process has a lock of SQLite on it, as each open connection with WAL has.
        looks: who held what, at some moments in a row.
        open_files: who has the files open.
        content: what is in it; None if that could not be read.
        unread: why it could not be read without changing it.
        error: what SQLite said when it could not read it.
        engine: what an engine tells; None for a path.
        notes: what could not be seen, and why.
    """

    file: str
    driver: Driver
    headers: Headers | None
    files: Mapping[str, os.stat_result]
    directory: os.stat_result
    may_write_file: bool
    may_write_directory: bool
    filesystem: str | None
    on_network: bool
    free: int
    in_use: bool
    looks: tuple[LockHolders, ...]
    open_files: OpenFiles
    content: Content | None
    unread: str | None
    error: sqlite3.Error | None
    engine: EngineFacts | None
    notes: tuple[str, ...]

    @property
    def locks(self) -> LockHolders:
        """The last look."""
        return self.looks[-1]

    @property
    def shell(self) -> str:
        """The path as a command line takes it."""
        return shlex.quote(self.file)

    @property
    def in_wal_mode(self) -> bool:
        """Whether the file is known to have a WAL."""
        return self.headers is not None and self.headers.in_wal_mode

    def size(self, suffix: str = "") -> int:
        """Return the bytes of a file; 0 if there is none."""
        found = self.files.get(suffix)
        return 0 if found is None else found.st_size


def gather(file: str, target: object, *, check: Check, clock: Clock) -> Facts:
    """Look at everything, and change nothing.

    Args:
        file: the real path of the database file.
        target: what names it; an engine is asked too.
        check: how thoroughly SQLite looks for damage.
        clock: waits between two looks at locks.
    """
    notes: list[str] = []
    engine = target if isinstance(target, Engine) else None
    driver = driver_for(engine or file)
    folder = os.path.dirname(file)  # noqa: PTH120 - of a text
    headers = read_headers(file)
    if headers is None:
        notes.append(
            "the first bytes of the files could not be read: the kind of journal and the state of the WAL are not known"
        )
    looks = _look(file, clock)
    seen = observe(file)
    content, unread, error = _content(file, headers, driver, check)
    open_files = who_has_open(file)
    if not open_files.complete:
        notes.append(
            "not all processes may be asked what they have open: run it as root to see all"
        )
    return Facts(
        file=file,
        driver=driver,
        headers=headers,
        files=_stats(file),
        directory=os.stat(folder),  # noqa: PTH116 - a look at it, and never more
        may_write_file=os.access(file, os.W_OK),
        may_write_directory=os.access(folder, os.W_OK),
        filesystem=filesystem_type(file),
        on_network=is_network(file),
        free=shutil.disk_usage(folder).free,
        in_use=bool(seen.database.locks or seen.shm.locks),
        looks=looks,
        open_files=open_files,
        content=content,
        unread=unread,
        error=error,
        engine=None if engine is None else _of_engine(engine, file, notes),
        notes=(*notes, *looks[-1].notes),
    )


def _look(file: str, clock: Clock) -> tuple[LockHolders, ...]:
    looks = [holders(file)]
    while looks[-1].anybody and len(looks) < _LOOKS:
        clock.sleep(_BETWEEN_LOOKS)
        looks.append(holders(file))
    return tuple(looks)


def _content(
    file: str, headers: Headers | None, driver: Driver, check: Check
) -> tuple[Content | None, str | None, sqlite3.Error | None]:
    try:
        found = read(file, headers, driver, lambda connection: content_of(connection, check))
    except (Unread, ConfigurationError) as reason:
        return None, str(reason), None
    except driver.module.Error as error:
        return None, None, error
    return found, None, None


def _stats(file: str) -> Mapping[str, os.stat_result]:
    found = {}
    for suffix in _SUFFIXES:
        try:
            found[suffix] = os.lstat(f"{file}{suffix}")
        except FileNotFoundError:
            continue
    return found


def _of_engine(engine: Engine, file: str, notes: list[str]) -> EngineFacts:
    gate = known_gate(file)
    return EngineFacts(
        hardened=profile_of(engine) is not None,
        pragmas=effective_pragmas(engine, notes),
        pool=pool_status(engine),
        checkouts=checkouts_of(engine) or (),
        trouble=None if gate is None else gate.trouble,
    )
