"""`backup`: a copy of a database in use, known to be good before it is called a backup."""

import contextlib
import dataclasses
import datetime as dt
import importlib.metadata
import os
from typing import TypedDict

from sqlalchemy.engine import Engine

from hardlite.clock import Clock, system_clock
from hardlite.connections.drivers import Driver
from hardlite.errors import BackupError, ConfigurationError
from hardlite.inspection.effective import driver_for
from hardlite.lock_holders.target import database_file
from hardlite.operations.backup_files import (
    BackupPlace,
    only_one,
    pack,
    place_for,
    put_in_place,
    remove_older,
    require_keeping,
    write_manifest,
)
from hardlite.operations.content import Check, Content, content_of, damage_in, lost_references
from hardlite.operations.copying import Progress, copy_pages, make_file_like, one_state
from hardlite.operations.manifest import Manifest, ManifestDict, digest_of, manifest_path
from hardlite.operations.opening import failing_as, opened
from hardlite.operations.own_turn import own_turn

__all__ = ["Backup", "BackupDict", "back_up", "backup"]


class BackupDict(TypedDict):
    """A `Backup` as plain values."""

    path: str
    manifest: ManifestDict
    took: float
    pinned: float
    removed: list[str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was made and found good.

    Attributes:
        path: where it is.
        manifest: what was written down beside it.
        took: seconds from the beginning to the end.
        pinned: seconds of them in which the database's WAL could not start over.
        removed: older backups that went for it.
    """

    path: str
    manifest: Manifest
    took: float
    pinned: float
    removed: tuple[str, ...]

    def to_dict(self) -> BackupDict:
        """Return it as plain values."""
        return {
            "path": self.path,
            "manifest": self.manifest.to_dict(),
            "took": self.took,
            "pinned": self.pinned,
            "removed": list(self.removed),
        }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What `backup` was asked for, besides what to copy.

    Attributes:
        target: where to.
        keep: how many backups of its kind stay at least.
        keep_for: seconds for which each stays at least.
        check: how thoroughly it is looked for damage.
        progress: is told how far the copy is.
        timeout: seconds to wait for a turn.
    """

    target: str | os.PathLike[str]
    keep: int | None
    keep_for: float | None
    check: Check
    progress: Progress | None
    timeout: float


def backup(
    source: Engine | str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    keep: int | None = None,
    keep_for: float | None = None,
    check: Check = "full",
    progress: Progress | None = None,
    timeout: float = 30.0,
) -> Backup:
    """Copy a database that others go on writing to, and call the copy a backup if it is good.

    The copy has the state of one moment. It is opened and compared with the database: no damage
    (sqlite.org, "PRAGMA Statements", integrity_check), the same schema, as many rows in each table.
    Then it gets its name, and a manifest beside it, ``NAME.manifest.json``, with its SHA-256. What is
    not good, or not whole, never gets that name.

    With a WAL nobody waits for it. With a rollback journal writers wait for their turn until it is
    copied.

    Args:
        source: an engine on a file, a path or a URL.
        target: the file to be. ``{time}`` in its name becomes the moment in UTC; a name that ends
            in ``.gz`` is packed.
        keep: how many backups of this kind stay, the new one included; older ones are removed.
        keep_for: seconds for which each backup stays. With ``keep``, one goes when neither keeps it.
        check: ``"quick"`` does not compare indexes with their tables, and takes half the time.
        progress: is called with the bytes done and the bytes there are.
        timeout: seconds to wait for a lock or a turn, where one is needed.

    Returns:
        Where it is, and what it is.

    Raises:
        ConfigurationError: there is no such database, or the target cannot be used.
        BackupError: the database or the copy is damaged, or the disk failed. Nothing is left of
            the copy.
        DatabaseLockedError: a lock could not be had in time.
        UsageError: another backup to this target is under way.

    >>> from hardlite import backup, create_hardened_engine
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> with engine.begin() as connection:
    ...     _ = connection.exec_driver_sql("CREATE TABLE note (words TEXT)")
    >>> done = backup(engine, "app-backup-{time}.db", keep=7)
    >>> dict(done.manifest.content.rows)
    {'note': 0}
    >>> engine.dispose()
    """
    order = Order(
        target=target,
        keep=keep,
        keep_for=keep_for,
        check=check,
        progress=progress,
        timeout=timeout,
    )
    return back_up(database_file(source), driver_for(source), order, system_clock)


def back_up(
    file: str, driver: Driver, order: Order, clock: Clock, *, in_turn: bool = False
) -> Backup:
    """Do the work of `backup`.

    Args:
        file: the real path of the database.
        driver: what to open it with.
        order: what is wanted.
        clock: names the moment, and measures.
        in_turn: the caller has the turn, so nobody writes meanwhile and none is to be waited for.
    """
    _require_sense(order)
    started = clock.now()
    place = place_for(order.target, file, clock.wall())
    with (
        failing_as(f"{file} could not be backed up to {place.path}", driver),
        only_one(place, clock),
    ):
        try:
            work = _Work(file, driver, order, place, clock, in_turn=in_turn)
            manifest = work.run()
        finally:
            place.remove_drafts()
        removed = remove_older(place, keep=order.keep, keep_for=order.keep_for, moment=clock.wall())
    return Backup(
        path=str(place.path),
        manifest=manifest,
        took=clock.now() - started,
        pinned=work.pinned,
        removed=removed,
    )


class _Work:
    def __init__(
        self,
        file: str,
        driver: Driver,
        order: Order,
        place: BackupPlace,
        clock: Clock,
        *,
        in_turn: bool,
    ) -> None:
        self._file = file
        self._driver = driver
        self._order = order
        self._place = place
        self._clock = clock
        self._in_turn = in_turn
        self.pinned = 0.0

    def run(self) -> Manifest:
        place = self._place
        # What a killed one left.
        place.remove_drafts()
        created = dt.datetime.fromtimestamp(self._clock.wall(), dt.UTC)
        content = self._copy()
        lost = self._require_good(content)
        draft = place.draft
        if place.compressed:
            draft = place.packed
            pack(place.draft, draft)
        manifest = Manifest(
            file=place.path.name,
            bytes=draft.stat().st_size,
            sha256=digest_of(draft),
            database=self._file,
            created=created.isoformat(timespec="milliseconds"),
            hardlite=importlib.metadata.version("hardlite"),
            sqlite=self._driver.module.sqlite_version,
            check=self._order.check,
            lost_references=lost,
            content=content,
        )
        write_manifest(place.manifest, manifest)
        # The manifest is last: what has one was found good, and is there as a whole.
        put_in_place(draft, place.path)
        put_in_place(place.manifest, manifest_path(place.path))
        return manifest

    def _copy(self) -> Content:
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(
                opened(self._file, self._driver, busy_timeout=self._order.timeout)
            )
            (mode,) = source.run("PRAGMA main.journal_mode").fetchone()
            if mode != "wal" and not self._in_turn:
                # A writer could not commit while this reads; let it wait in line, not for a lock.
                turn = own_turn(
                    self._file, self._driver, timeout=self._order.timeout, label="backup"
                )
                stack.enter_context(turn)
            started = self._clock.now()
            stack.enter_context(one_state(source))
            content = content_of(source)
            if not content.page_count:
                raise BackupError(
                    f"{self._file} is empty: a backup of it would be of no use",
                    "Check the path; if this was a database, restore its newest good backup.",
                )
            make_file_like(self._place.draft, self._file)
            copy = stack.enter_context(opened(str(self._place.draft), self._driver))
            copy_pages(
                source,
                copy,
                str(self._place.draft),
                progress=self._order.progress,
                clock=self._clock,
            )
        self.pinned = self._clock.now() - started
        return content

    def _require_good(self, content: Content) -> tuple[str, ...]:
        with opened(str(self._place.draft), self._driver) as copy:
            wrong = [*damage_in(copy, self._order.check)]
            if not wrong:
                wrong += content.differences(content_of(copy))
            if wrong:
                raise BackupError(
                    f"The copy of {self._file} is not good, so it is no backup: {wrong[0]}"
                    f"{f', and {len(wrong) - 1} more' if wrong[1:] else ''}",
                    "Look at the database itself with hardlite verify; older backups are all there.",
                )
            return lost_references(copy)


def _require_sense(order: Order) -> None:
    keeps = order.keep is not None or order.keep_for is not None
    if keeps and "{time}" not in os.path.basename(os.fspath(order.target)):  # noqa: PTH119
        raise ConfigurationError(
            f"keep= and keep_for= need names that differ, and each backup would be {order.target}",
            "Put {time} into the name, such as app-{time}.db.",
        )
    require_keeping(keep=order.keep, keep_for=order.keep_for)
    if order.check not in {"full", "quick"}:
        raise ConfigurationError(f"check= cannot be {order.check!r}", 'Give "full" or "quick".')
