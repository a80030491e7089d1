"""Where the bytes come from: a path or standard input, as they are, gzipped or zipped."""

import dataclasses
import gzip
import io
import os
import stat
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import PurePath
from typing import Final, cast

from hardlite.sources.faults import SourceError, explained

__all__ = ["STANDARD_INPUT", "ByteSource", "open_bytes", "table_name_of", "title_of"]

STANDARD_INPUT: Final = "-"
"""The name under which standard input is asked for."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZIP_MAGIC: Final = b"PK\x03\x04"
_BUFFER: Final = 256 * 1024
_READABLE_IN_ZIP: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 0x1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ByteSource:
    """An open source of bytes.

    Attributes:
        title: what messages call it: the path, or ``standard input``.
        file_name: the name whose suffix tells the format; of a zip archive, its member's.
        stream: the bytes, already unpacked.
        size: bytes on the disk, packed as they are there; ``None`` where nobody knows.
        position: returns how many of ``size`` bytes have been read.
        direct: the stream is that of the file itself, which can be read in any order.
    """

    title: str
    file_name: str
    stream: io.BufferedReader
    size: int | None
    position: Callable[[], int]
    direct: bool = False


def title_of(source: str) -> str:
    """Return what messages call ``source``."""
    return "standard input" if source == STANDARD_INPUT else source


def table_name_of(source: str) -> str | None:
    """Return the table that a source is meant for when nobody says: its name without suffixes.

    >>> table_name_of("data/flights.csv.gz")
    'flights'
    """
    return None if source == STANDARD_INPUT else PurePath(source).name.partition(".")[0] or None


@contextmanager
def open_bytes(source: str) -> Iterator[ByteSource]:
    """Open ``source``, a path or ``-``, and unpack it where its first bytes say it is packed.

    Raises:
        SourceError: there is no such file, it is a directory or an archive that cannot be used.
    """
    with ExitStack() as closing:
        with explained(title_of(source)):
            opened = _unpacked(_packed(source, closing), closing)
        yield opened


def _packed(source: str, closing: ExitStack) -> ByteSource:
    title = title_of(source)
    if source == STANDARD_INPUT:
        if sys.stdin is None:
            raise SourceError(f"{title} is closed", "Name a file, or pipe one in.")
        # Standard input is not ours to close.
        stream = cast("io.BufferedReader", sys.stdin.buffer)
        return ByteSource(title=title, file_name="", stream=stream, size=None, position=_unknown)
    raw = closing.enter_context(io.FileIO(source))
    status = os.fstat(raw.fileno())
    regular = stat.S_ISREG(status.st_mode)
    return ByteSource(
        title=title,
        file_name=source,
        stream=closing.enter_context(_buffered(raw)),
        size=status.st_size if regular else None,
        position=raw.tell if regular else _unknown,
        direct=regular,
    )


def _buffered(raw: io.RawIOBase) -> io.BufferedReader:
    return cast("io.BufferedReader", io.BufferedReader(raw, _BUFFER))


def _unknown() -> int:
    return 0


def _unpacked(packed: ByteSource, closing: ExitStack) -> ByteSource:
    magic = packed.stream.peek(4)
    name = PurePath(packed.file_name)
    suffix = name.suffix.lower()
    unpacked: io.BufferedIOBase
    if magic.startswith(_GZIP_MAGIC) or suffix == ".gz":
        unpacked = gzip.GzipFile(fileobj=packed.stream)
        file_name = str(name.with_suffix("")) if suffix == ".gz" else packed.file_name
    elif magic.startswith(_ZIP_MAGIC) or suffix == ".zip":
        unpacked, file_name = _only_member(packed, closing)
    else:
        return packed
    # One more buffer: both hand out lines only through slow Python code.
    stream = closing.enter_context(_buffered(cast("io.RawIOBase", unpacked)))
    stream.peek(1)
    return dataclasses.replace(packed, stream=stream, file_name=file_name, direct=False)


def _only_member(packed: ByteSource, closing: ExitStack) -> tuple[io.BufferedIOBase, str]:
    title = packed.title
    if packed.size is None:
        raise SourceError(
            f"{title} is a zip archive, which can only be read from a file",
            "Name the file, or unpack it first: unzip -p FILE.zip | hardlite import - ...",
        )
    archive = closing.enter_context(zipfile.ZipFile(packed.stream))
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not member.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        names = ", ".join(member.filename for member in members[:5]) or "none"
        raise SourceError(
            f"{title} holds {len(members)} files where one is expected: {names}",
            "Unpack it and name the files.",
        )
    (member,) = members
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _READABLE_IN_ZIP:
        raise SourceError(
            f"{title} is a zip archive with a password or a rare compression",
            "Unpack it first.",
        )
    return cast("io.BufferedIOBase", archive.open(member)), member.filename
