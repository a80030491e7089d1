"""Rejected rows in the format of their source, each with why: to be mended and imported again."""

import csv
import io
import itertools
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from hardlite.sources.json_text import decode_json

__all__ = ["DelimitedRejects", "JsonLinesRejects", "RejectsFormat", "is_reason_column", "json_row"]

_REASON: Final = "hardlite_reason"
_REASON_COLUMN: Final = re.compile(rf"{_REASON}(_\d+)?")
_LAST_REASON: Final = re.compile(
    rf""",?\s*"{_REASON}(_\d+)?"\s*:\s*"([^"\\]|\\.)*"\s*\}}\Z""".encode()
)


def is_reason_column(name: str) -> bool:
    """Say whether a column is one that hardlite adds, so that an import may pass over it.

    >>> is_reason_column("hardlite_reason"), is_reason_column("reason")
    (True, False)
    """
    return _REASON_COLUMN.fullmatch(name.casefold()) is not None


class RejectsFormat(Protocol):
    """How the rejected rows of a source are written."""

    @property
    def suffixes(self) -> Sequence[str]:
        """What the name of such a file may end in; the first is the usual one."""
        ...

    @property
    def header(self) -> bytes:
        """What the file begins with."""
        ...

    def row(self, text: bytes, reason: str) -> bytes:
        """Return ``text``, the row as its source has it, with ``reason`` as its last column."""
        ...


class DelimitedRejects:
    """CSV or TSV.

    Args:
        header: the first line of the source.
        names: the columns in it.
        passed_over: those of them that the import does not need: the reasons of an earlier one.
        delimiter: what stands between fields.
    """

    def __init__(
        self, header: bytes, names: Sequence[str], passed_over: Collection[str], delimiter: str
    ) -> None:
        self.suffixes = (".tsv", ".tab") if delimiter == "\t" else (".csv",)
        self._delimiter = delimiter
        self._width = len(names)
        # A second import puts its reasons in the place of those of the first.
        self._replaces = names[-1] in passed_over
        self.header = header if self._replaces else self._joined(header, _free_name(names))

    def row(self, text: bytes, reason: str) -> bytes:
        """Return ``text`` with ``reason`` as its last field."""
        return self._joined(self._cut(text) if self._replaces else text, _quoted(reason))

    def _joined(self, text: bytes, field: str) -> bytes:
        end = b"\r\n" if text.endswith(b"\r\n") else b"\n"
        return text.rstrip(b"\r\n") + _bytes(self._delimiter + field) + end

    def _cut(self, text: bytes) -> bytes:
        """Return ``text`` without its last field, if it has as many as it should."""
        lines = io.StringIO(text.decode(), newline="")
        try:
            fields = next(csv.reader(lines, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return text
        if len(fields) != self._width:
            return text
        body = text.rstrip(b"\r\n")
        end = text[len(body) :]
        # What csv reads strictly is either wholly in quotes or not at all.
        last = _bytes(self._delimiter + _quoted(fields[-1]))
        if not body.endswith(last):
            last = _bytes(self._delimiter + fields[-1])
        return body.removesuffix(last) + end


class JsonLinesRejects:
    """JSON Lines.

    A line that is no object takes no key: then an object with the reason alone stands before it,
    and an import passes over such a line. So it does before an object without keys.

    Args:
        names: the keys of the source, as far as they are known.
        passed_over: those of them that the import does not need: the reasons of an earlier one.
    """

    suffixes = (".jsonl", ".ndjson", ".json")
    header = b""

    def __init__(self, names: Sequence[str] = (), passed_over: Collection[str] = ()) -> None:
        self._key = json.dumps(_free_name([name for name in names if name not in passed_over]))

    def row(self, text: bytes, reason: str) -> bytes:
        """Return ``text`` with ``reason`` as its last key."""
        body = text.strip()
        added = _bytes(f"{self._key}: {json.dumps(reason, ensure_ascii=False)}}}\n")
        try:
            found = decode_json(body.decode())
        except ValueError:
            found = None
        if not isinstance(found, dict) or not found:
            return b"{" + added + body + b"\n"
        left = _LAST_REASON.sub(b"", body)
        left = (body.removesuffix(b"}") if left == body else left).rstrip()
        return left + b", " + added


def json_row(values: Mapping[str, object]) -> bytes:
    r"""Return a row that has no text of its own as a line of JSON Lines.

    What JSON has no form for is a text in it: a date, a decimal, an infinite number, and bytes as
    their hexadecimal digits.

    >>> json_row({"n": 1, "price": float("inf"), "photo": b"PNG"})
    b'{"n": 1, "price": "inf", "photo": "504e47"}\n'
    """
    finite = {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
    return _bytes(json.dumps(finite, default=_as_text, ensure_ascii=False) + "\n")


def _as_text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _free_name(names: Sequence[str]) -> str:
    taken = {name.casefold() for name in names}
    numbered = (f"{_REASON}_{number}" for number in itertools.count(2))
    return next(name for name in itertools.chain([_REASON], numbered) if name not in taken)


def _quoted(field: str) -> str:
    return '"' + field.replace('"', '""') + '"'


def _bytes(text: str) -> bytes:
    # What is no text, half of a pair of surrogates, is shown by its number.
    return text.encode(errors="backslashreplace")
