"""The files of documents: complete on the disk under their name, or not there at all.

The order is what makes it safe. An upload is written to a file of its own and synced, renamed, and
its directory is synced; then its row is committed; then the client is told. A crash in between leaves a
file without a row, which `sweep` removes, and never a row without its file.
"""

import asyncio
import dataclasses
import functools
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from hardlite.clock import system_clock

_PART: Final = ".part"
_HELD: Final = 1_000_000
"""Bytes that are kept in memory until they are written."""
_ABANDONED: Final = 3600.0
"""Seconds after which a file without a row belongs to no upload that is under way."""


class TooLargeError(Exception):
    """The body has more bytes than a document may have."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that is complete on the disk.

    Attributes:
        name: in the folder of files.
        size: bytes.
        sha256: of its content, in hexadecimal.
    """

    name: str
    size: int
    sha256: str


class Files:
    """The folder of files.

    Args:
        folder: where.
        most_bytes: how large a file may be.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most = most_bytes
        # They wait for the disk, and keep nobody else from computing.
        self._threads = ThreadPoolExecutor(16, "files")

    def prepare(self) -> None:
        """Make the folder if it is missing."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Return where a file is."""
        return self._folder / name

    async def store(self, parts: AsyncIterator[bytes]) -> StoredFile:
        """Write what arrives to a new file, and return when it is safe on the disk.

        Raises:
            TooLargeError: there is too much of it; nothing is left.
        """
        name = uuid.uuid4().hex
        part = self.path(name + _PART)
        run = functools.partial(asyncio.get_running_loop().run_in_executor, self._threads)
        digest, size, held = hashlib.sha256(), 0, bytearray()
        try:
            async for block in parts:
                size += len(block)
                self._require_room(size)
                digest.update(block)
                held += block
                # The disk may take long: in threads, and not for every packet.
                if len(held) >= _HELD:
                    await run(_append, part, held)
                    held = bytearray()
            await run(_finish, part, held, self.path(name))
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return StoredFile(name=name, size=size, sha256=digest.hexdigest())

    def _require_room(self, size: int) -> None:
        if size > self._most:
            raise TooLargeError

    def remove(self, name: str) -> None:
        """Remove a file that no row is about."""
        self.path(name).unlink(missing_ok=True)

    def sweep(self, known: set[str]) -> int:
        """Remove what crashes left, and say how many there were.

        Args:
            known: the files that have a row.
        """
        old = system_clock.wall() - _ABANDONED
        left = [
            path
            for path in self._folder.iterdir()
            if path.name not in known and path.stat().st_mtime < old
        ]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


def _append(part: Path, content: bytes | bytearray) -> None:
    with part.open("ab") as file:
        file.write(content)


def _finish(part: Path, content: bytes | bytearray, path: Path) -> None:
    with part.open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # The name is in the directory, which is a file of its own.
        os.fsync(folder)
    finally:
        os.close(folder)
