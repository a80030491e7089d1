"""Bytes to lines of text: UTF-8, with or without a byte order mark, and nothing else."""

import codecs
import dataclasses
import itertools
from collections.abc import Iterator
from typing import Final

from hardlite.sources.faults import SourceError
from hardlite.sources.opening import ByteSource

__all__ = ["TextLines", "text_lines", "undecodable"]

_SQLITE: Final = b"SQLite format 3\0"
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TextLines:
    """The lines of a source, with their line ends; they can be read once.

    Attributes:
        title: what messages call the source.
        first: the first line that is not blank; iterating yields it too.
    """

    title: str
    first: str
    raw: Iterator[bytes]

    def __iter__(self) -> Iterator[str]:
        # A map of a method of bytes: no Python code runs for a line.
        return map(bytes.decode, self.raw)

    def recorded(self, record: list[bytes]) -> Iterator[str]:
        """Yield the same, and put each line into ``record`` as it was read."""
        for line in self.raw:
            record.append(line)
            yield line.decode()


def text_lines(source: ByteSource) -> TextLines:
    """Return the lines of ``source``.

    Raises:
        SourceError: there is nothing but blank lines, or the first line is not UTF-8 text.
    """
    stream = source.stream
    beginning = stream.peek(len(_SQLITE))
    if beginning.startswith(_SQLITE):
        raise SourceError(
            f"{source.title} is a SQLite database, not a source of rows",
            "On the command line, the database comes last.",
        )
    if beginning.startswith(_UTF_16):
        raise SourceError(f"{source.title} is UTF-16 text", _convert_from("UTF-16"))
    leading: list[bytes] = []
    for line in stream:
        leading.append(line.removeprefix(codecs.BOM_UTF8) if not leading else line)
        if leading[-1].strip():
            break
    else:
        raise SourceError(f"{source.title} is empty", "There is nothing to import.")
    if b"\0" in leading[-1]:
        raise SourceError(
            f"{source.title} is not text: its line {len(leading)} holds zero bytes",
            "Give a CSV, TSV or JSON Lines file in UTF-8.",
        )
    try:
        first = leading[-1].decode()
    except UnicodeDecodeError as error:
        raise undecodable(source.title, len(leading), error) from error
    return TextLines(title=source.title, first=first, raw=itertools.chain(leading, stream))


def undecodable(title: str, line: int, error: UnicodeDecodeError) -> SourceError:
    """Return the error that says where ``title`` stops being UTF-8, and what to do."""
    return SourceError(
        f"{title} is not UTF-8: byte 0x{error.object[error.start]:02x} "
        f"at position {error.start + 1} of line {line}",
        _convert_from("WINDOWS-1252"),
    )


def _convert_from(encoding: str) -> str:
    return f"Convert it first, for example: iconv -f {encoding} -t UTF-8 OLD > NEW."
