"""`verify`: what is wrong with a database or with a backup, as far as that can be found out."""

import contextlib
import dataclasses
import gzip
import os
import pathlib
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator
from typing import Final, TypedDict

from sqlalchemy.engine import Engine

from hardlite.clock import system_clock
from hardlite.connections.connection import AnyHardenedConnection
from hardlite.connections.drivers import Driver
from hardlite.errors import BackupError, ConfigurationError
from hardlite.inspection.effective import driver_for
from hardlite.lock_holders.target import database_file
from hardlite.operations.content import (
    Check,
    Content,
    ContentDict,
    content_of,
    damage_in,
    lost_references,
)
from hardlite.operations.copying import copy_pages, one_state
from hardlite.operations.manifest import Manifest, digest_from_outside, digest_of, read_manifest
from hardlite.operations.opening import failing_as, opened
from hardlite.result_codes import primary_code

__all__ = ["Verification", "VerificationDict", "unpacked", "verify"]

_BLOCK: Final = 1 << 20
_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class VerificationDict(TypedDict):
    """A `Verification` as plain values."""

    schema: str
    path: str
    ok: bool
    problems: list[str]
    has_manifest: bool
    created: str | None
    check: str
    content: ContentDict | None
    took: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found out about a database or a backup.

    Attributes:
        path: the file.
        problems: what is wrong with it; empty if nothing is.
        manifest: what was written down when it was made, if it is a backup of hardlite's.
        check: how thoroughly it was looked for damage.
        content: what is in it; None if it could not be read.
        took: seconds.
    """

    path: str
    problems: tuple[str, ...]
    manifest: Manifest | None
    check: Check
    content: Content | None
    took: float

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def raise_for_problems(self) -> None:
        """Raise if anything is wrong.

        Raises:
            BackupError: it is, and this says what.
        """
        if self.problems:
            raise BackupError(
                f"{self.path} is not good: {'; '.join(self.problems)}",
                "Keep it as it is, and use a backup that hardlite verify finds good.",
            )

    def to_dict(self) -> VerificationDict:
        """Return it as plain values."""
        return {
            "schema": "hardlite.verification/1",
            "path": self.path,
            "ok": self.ok,
            "problems": list(self.problems),
            "has_manifest": self.manifest is not None,
            "created": None if self.manifest is None else self.manifest.created,
            "check": self.check,
            "content": None if self.content is None else self.content.to_dict(),
            "took": self.took,
        }


def verify(
    target: Engine | str | os.PathLike[str], *, check: Check = "full", on_copy: bool = False
) -> Verification:
    """Look what is wrong with a database or a backup; nothing is changed.

    A backup is compared with its manifest: the SHA-256, the schema, the rows of each table. A packed
    one is unpacked into a temporary directory. A database is read in one state; with a WAL nobody
    waits for that, but the WAL cannot start over until it is done.

    Args:
        target: an engine on a file, a path or a URL; or the path of a backup.
        check: ``"quick"`` does not compare indexes with their tables.
        on_copy: copy the database to a temporary directory first and look there, so that the WAL is
            kept for as long as the copy takes, and not the check.

    Raises:
        ConfigurationError: there is no such file.
        DatabaseLockedError: a lock could not be had in time.
        BackupError: it could not be read, for other reasons than damage.

    >>> from hardlite import create_hardened_engine, verify
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> with engine.begin() as connection:
    ...     _ = connection.exec_driver_sql("CREATE TABLE note (words TEXT)")
    >>> verify(engine).ok
    True
    >>> engine.dispose()
    """
    if check not in {"full", "quick"}:
        raise ConfigurationError(f"check= cannot be {check!r}", 'Give "full" or "quick".')
    file, driver = database_file(target), driver_for(target)
    started = system_clock.now()
    with failing_as(f"{file} could not be verified", driver):
        examined = _Examination(file, driver, check)
        examined.run(on_copy=on_copy)
    return Verification(
        path=file,
        problems=tuple(examined.problems),
        manifest=examined.manifest,
        check=check,
        content=examined.content,
        took=system_clock.now() - started,
    )


class _Examination:
    def __init__(self, file: str, driver: Driver, check: Check) -> None:
        self._file = file
        self._driver = driver
        self._check: Check = check
        self.problems: list[str] = []
        self.manifest: Manifest | None = None
        self.content: Content | None = None

    def run(self, *, on_copy: bool) -> None:
        packed = _is_packed(self._file)
        self._compare_with_manifest(packed=packed)
        if not packed:
            self._look(self._file, on_copy=on_copy)
            return
        try:
            with unpacked(self._file) as plain:
                self._look(plain, on_copy=False)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            self.problems.append(f"it cannot be unpacked: {error}")

    def _compare_with_manifest(self, *, packed: bool) -> None:
        try:
            self.manifest = read_manifest(pathlib.Path(self._file))
        except ValueError as error:
            self.problems.append(str(error))
        if self.manifest is None:
            return
        digest = digest_of(self._file) if packed else digest_from_outside(self._file)
        if digest != self.manifest.sha256:
            self.problems.append("its SHA-256 is not that of its manifest")

    def _look(self, plain: str, *, on_copy: bool) -> None:
        try:
            with opened(plain, self._driver) as connection:
                if on_copy:
                    self._look_at_copy(connection)
                else:
                    self._look_at(connection)
        except self._driver.module.DatabaseError as error:
            if primary_code(error) not in _DAMAGE:
                raise
            self.problems.append(f"SQLite cannot read it: {error}")

    def _look_at(self, connection: AnyHardenedConnection) -> None:
        with one_state(connection):
            damage = damage_in(connection, self._check)
            self.problems += damage
            if damage:
                # What is damaged may have no end.
                return
            self.content = content_of(connection)
            lost = lost_references(connection)
        known = self.manifest.lost_references if self.manifest is not None else ()
        self.problems += [told for told in lost if told not in known]
        if not self.content.page_count:
            self.problems.append("it is empty")
        if self.manifest is not None:
            self.problems += self.manifest.content.differences(self.content)

    def _look_at_copy(self, connection: AnyHardenedConnection) -> None:
        with tempfile.TemporaryDirectory(prefix="hardlite-") as directory:
            path = os.path.join(directory, "copy.db")  # noqa: PTH118 - SQLite takes texts
            pathlib.Path(path).touch()
            with opened(path, self._driver) as copy, one_state(connection):
                copy_pages(connection, copy, path)
            with opened(path, self._driver) as copy:
                self._look_at(copy)


@contextlib.contextmanager
def unpacked(packed: str) -> Iterator[str]:
    """Unpack a backup into a temporary directory, and hand out where it is.

    Raises:
        OSError: it is damaged (`gzip.BadGzipFile`), or the disk is full.
        EOFError: its end is missing.
        zlib.error: it is damaged.
    """
    with tempfile.TemporaryDirectory(prefix="hardlite-") as directory:
        plain = pathlib.Path(directory, "backup.db")
        with gzip.open(packed) as source, plain.open("wb") as out:
            shutil.copyfileobj(source, out, _BLOCK)
        yield str(plain)


def _is_packed(file: str) -> bool:
    return file.endswith(".gz")
