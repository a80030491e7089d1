"""`restore`: a backup put in the place of a database, which is kept."""

import dataclasses
import os
import pathlib
import shutil
import sqlite3
from contextlib import ExitStack, suppress
from typing import Final, TypedDict

from sqlalchemy.engine import Engine

from hardlite.clock import Clock, system_clock
from hardlite.connections.connection import AnyHardenedConnection
from hardlite.connections.drivers import Driver
from hardlite.errors import BackupError, ConfigurationError
from hardlite.inspection.effective import driver_for
from hardlite.lock_holders.target import database_file, file_named
from hardlite.operations.backup_files import put_in_place, same_file, stamp_of, sync_directory
from hardlite.operations.content import Content, content_of, damage_in
from hardlite.operations.copying import Progress, copy_pages, one_state
from hardlite.operations.in_use import (
    close_idle_connections,
    exclusively,
    refuse_if_locked,
)
from hardlite.operations.opening import failing_as, opened
from hardlite.operations.own_turn import own_turn
from hardlite.operations.rewriting import leave_wal, write_over
from hardlite.operations.verify import unpacked, verify
from hardlite.result_codes import primary_code

__all__ = ["Restored", "RestoredDict", "restore"]

_ENDS: Final = ("", "-wal", "-shm", "-journal")
_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class RestoredDict(TypedDict):
    """A `Restored` as plain values."""

    path: str
    kept: str | None
    rows: dict[str, int]
    took: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A database that was restored and found good.

    Attributes:
        path: the database.
        kept: where its state before that is; None if there was none.
        content: what is in it now.
        took: seconds.
    """

    path: str
    kept: str | None
    content: Content
    took: float

    def to_dict(self) -> RestoredDict:
        """Return it as plain values."""
        return {
            "path": self.path,
            "kept": self.kept,
            "rows": dict(self.content.rows),
            "took": self.took,
        }


def restore(
    source: str | os.PathLike[str],
    target: Engine | str | os.PathLike[str],
    *,
    online: bool = False,
    progress: Progress | None = None,
    timeout: float = 30.0,
) -> Restored:
    """Put a backup in the place of a database, and keep what was there.

    The backup is verified first. Then the state of the database is copied to a file beside it,
    ``NAME.before-restore-TIME``, and the backup is written over it through SQLite, as one transaction:
    whatever happens, the database is all of the old one or all of the new one. A database that SQLite
    cannot read any more is moved there instead, with its -wal, -shm and -journal.

    Args:
        source: the backup, or any other SQLite database that nobody writes to.
        target: the database: an engine on a file, a path or a URL. It may be missing.
        online: let others have it open meanwhile. With a WAL they read the old state until the new
            one is there, all at once; what they keep in memory is then out of date.
        progress: is called with the bytes done and the bytes there are.
        timeout: seconds to wait for the turn, and with ``online`` for locks.

    Raises:
        ConfigurationError: there is no such backup, or the target cannot be used.
        BackupError: the backup is not good, or the disk failed; the database is as it was.
        DatabaseInUseError: somebody has it open, and ``online`` was not asked for.
        DatabaseLockedError: the turn or a lock could not be had in time.

    >>> from hardlite import backup, create_hardened_engine, restore
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> with engine.begin() as connection:
    ...     _ = connection.exec_driver_sql("CREATE TABLE note (words TEXT)")
    >>> good = backup(engine, "good.db")
    >>> with engine.begin() as connection:
    ...     _ = connection.exec_driver_sql("DROP TABLE note")
    >>> dict(restore("good.db", engine).content.rows)
    {'note': 0}
    >>> engine.dispose()
    """
    started = system_clock.now()
    good, file, driver = database_file(source), _file_to_be(target), driver_for(target)
    if same_file(pathlib.Path(good), file):
        raise ConfigurationError(
            f"{file} cannot be restored from itself", "Name a backup, and the database it is of."
        )
    verify(good).raise_for_problems()
    close_idle_connections(target)
    with failing_as(f"{file} could not be restored from {good}", driver), ExitStack() as stack:
        plain = stack.enter_context(unpacked(good)) if good.endswith(".gz") else good
        # Held throughout, so that writers of hardlite wait in line instead of for a lock.
        stack.enter_context(own_turn(file, driver, timeout=timeout, label="restore"))
        backup = stack.enter_context(opened(plain, driver))
        stack.enter_context(one_state(backup))
        work = _Work(file, driver, backup, progress=progress, timeout=timeout, clock=system_clock)
        kept = work.run(online=online)
    return Restored(path=file, kept=kept, content=work.content, took=system_clock.now() - started)


class _Work:
    def __init__(
        self,
        file: str,
        driver: Driver,
        backup: AnyHardenedConnection,
        *,
        progress: Progress | None,
        timeout: float,
        clock: Clock,
    ) -> None:
        self._file = file
        self._driver = driver
        self._backup = backup
        self._progress = progress
        self._timeout = timeout
        self._clock = clock
        self._kept = f"{file}.before-restore-{stamp_of(clock.wall())}"
        self.content = content_of(backup)
        path = pathlib.Path(file)
        # Looked at before SQLite begins to fill it; None if there is none.
        self._was_empty = path.stat().st_size == 0 if path.exists() else None

    def run(self, *, online: bool) -> str | None:
        """Restore, and return where the old state is."""
        if self._was_empty is not None:
            with ExitStack() as links:
                self._hold_on_to_logs(links)
                try:
                    return self._through_sqlite() if online else self._alone()
                except self._driver.module.DatabaseError as error:
                    if primary_code(error) not in _DAMAGE:
                        raise
                links.pop_all()
                self._keep_logs()
        return self._put_new()

    def _hold_on_to_logs(self, links: ExitStack) -> None:
        """Give the logs a second name: whoever closes a database last deletes them, damaged or not."""
        for end in ("-wal", "-journal"):
            if pathlib.Path(f"{self._file}{end}").is_file():
                # Not the log's name beside the kept state: SQLite would read it into that.
                link = pathlib.Path(f"{self._kept}.held{end}")
                link.hardlink_to(f"{self._file}{end}")
                links.callback(link.unlink)

    def _keep_logs(self) -> None:
        """Keep the logs of a damaged database beside it, as they were before it was opened."""
        for end in ("-wal", "-journal"):
            with suppress(FileNotFoundError):
                pathlib.Path(f"{self._kept}.held{end}").replace(f"{self._kept}{end}")

    def _through_sqlite(self) -> str | None:
        with opened(self._file, self._driver, busy_timeout=self._timeout) as target:
            kept = self._keep(target)
            self._write_over(target, kept)
            # As far as readers let it.
            target.run("PRAGMA main.wal_checkpoint(PASSIVE)").fetchall()
        return kept

    def _alone(self) -> str | None:
        with exclusively(self._file, self._driver) as target:
            had_wal = leave_wal(target)
            kept = self._keep(target)
            self._write_over(target, kept)
            if had_wal:
                target.run("PRAGMA main.journal_mode = WAL").fetchone()
        return kept

    def _keep(self, target: AnyHardenedConnection) -> str | None:
        if self._was_empty:
            return None
        draft = pathlib.Path(f"{self._file}.restore-draft")
        with one_state(target):
            self._copy(target, draft)
        put_in_place(draft, pathlib.Path(self._kept))
        return self._kept

    def _write_over(self, target: AnyHardenedConnection, kept: str | None) -> None:
        write_over(
            self._backup,
            target,
            progress=self._progress,
            timeout=self._timeout,
            clock=self._clock,
        )
        self._require_same(
            target, f"what was there before is in {kept}" if kept else "it was empty"
        )

    def _put_new(self) -> str | None:
        """Put a file of its own in the place of one that is missing or cannot be read."""
        draft = pathlib.Path(f"{self._file}.restore-draft")
        self._copy(self._backup, draft)
        with opened(str(draft), self._driver) as copy:
            self._require_same(copy, "the database is as it was")
        refuse_if_locked(self._file)
        file = pathlib.Path(self._file)
        had = [end for end in _ENDS if pathlib.Path(f"{file}{end}").exists()]
        if "" in had:
            # By a second name, so that there is a database at every moment.
            pathlib.Path(self._kept).hardlink_to(file)
        # Now: a -wal or a -journal of the old state would be taken for the new one's.
        for end in filter(None, had):
            pathlib.Path(f"{file}{end}").replace(f"{self._kept}{end}")
            # Of two names of one file, to rename leaves both.
            pathlib.Path(f"{file}{end}").unlink(missing_ok=True)
        draft.replace(file)
        sync_directory(file.parent)
        return self._kept if had else None

    def _copy(self, source: AnyHardenedConnection, draft: pathlib.Path) -> None:
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        model = self._backup.file if self._was_empty is None else self._file
        shutil.copymode(model, draft)
        with opened(str(draft), self._driver) as copy:
            copy_pages(source, copy, str(draft), clock=self._clock)

    def _require_same(self, target: AnyHardenedConnection, otherwise: str) -> None:
        wrong = [*damage_in(target, "full"), *self.content.differences(content_of(target))]
        if wrong:
            raise BackupError(
                f"{target.file} is not what the backup is: {'; '.join(wrong)}",
                f"Look at the disk; {otherwise}.",
            )


def _file_to_be(target: Engine | str | os.PathLike[str]) -> str:
    file = file_named(target)
    if pathlib.Path(file).exists():
        return database_file(target)
    if not pathlib.Path(file).parent.is_dir():
        raise ConfigurationError(
            f"There is no directory {pathlib.Path(file).parent}", "Make it first."
        )
    return file
