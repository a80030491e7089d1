"""JSON Lines: one object a line, to blocks of columns."""

import dataclasses
import itertools
import json
from collections.abc import Collection, Iterator
from typing import Final

from hardlite.sources.blocks import ABSENT, Block, RowPlace, UnfitRow
from hardlite.sources.faults import SourceError
from hardlite.sources.json_text import decode_json
from hardlite.sources.rejects import JsonLinesRejects
from hardlite.sources.text import TextLines, undecodable

__all__ = ["JsonLinesReader"]

_SAMPLE: Final = 1000
"""Lines that are read ahead to know the columns, for there is no header."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Parsed:
    objects: list[dict[str, object]] = dataclasses.field(default_factory=list)
    lines: list[int] = dataclasses.field(default_factory=list)
    texts: list[bytes] = dataclasses.field(default_factory=list)
    unfit: list[UnfitRow] = dataclasses.field(default_factory=list)


class JsonLinesReader:
    """Objects of a JSON Lines file (jsonlines.org). A line says nothing of a key it lacks.

    Args:
        lines: the text.
        keep_text: also hand out each row as it stands there.

    Attributes:
        columns: the keys of the first thousand lines. Later lines may have others.

    Raises:
        SourceError: none of the first thousand lines is an object with a key.
    """

    text_only = False
    row_place: RowPlace = "line"
    types = None

    def __init__(self, lines: TextLines, *, keep_text: bool = False) -> None:
        if lines.first.lstrip().startswith("["):
            raise SourceError(
                f"{lines.title} holds a JSON array, not one object a line",
                "Convert it first, for example: jq -c '.[]' OLD > NEW.",
            )
        self._title = lines.title
        self._lines = iter(lines)
        self._line = 0
        self._keep_text = keep_text
        self._sample = self._read(_SAMPLE)
        self.columns = _keys(self._sample)
        if not self.columns:
            raise SourceError(
                f"No line at the start of {lines.title} is a JSON object with a key",
                "JSON Lines has one object a line. Name a CSV file .csv, a TSV file .tsv.",
            )

    def rejects(self, passed_over: Collection[str]) -> JsonLinesRejects:
        """Return how rejected rows are written in this format."""
        return JsonLinesRejects(self.columns, passed_over)

    def blocks(self, rows: int) -> Iterator[Block]:
        """Yield the rows, up to ``rows`` at a time; the first block is what was read ahead."""
        parsed = self._sample
        self._sample = _Parsed()
        while parsed.objects or parsed.unfit:
            yield _columnar(parsed)
            parsed = self._read(rows)

    def _read(self, rows: int) -> _Parsed:
        parsed = _Parsed()
        while len(parsed.objects) + len(parsed.unfit) < rows:
            try:
                text = next(self._lines, None)
            except UnicodeDecodeError as error:
                raise undecodable(self._title, self._line + 1, error) from error
            if text is None:
                break
            self._line += 1
            if not text.isspace():
                self._parse(text, parsed)
        return parsed

    def _parse(self, text: str, parsed: _Parsed) -> None:
        kept = text.encode() if self._keep_text else b""
        try:
            found = decode_json(text)
        except json.JSONDecodeError as error:
            where = f"at character {error.colno}"
            reason = f"not JSON: {error.msg}"
            unfit = UnfitRow(line=self._line, reason=reason, detail=where, text=kept)
        except ValueError as error:
            reason = f"not JSON: {_in_short(error)}"
            unfit = UnfitRow(line=self._line, reason=reason, text=kept)
        else:
            if isinstance(found, dict):
                parsed.objects.append(found)
                parsed.lines.append(self._line)
                parsed.texts.append(kept)
                return
            unfit = UnfitRow(line=self._line, reason="not a JSON object", text=kept)
        parsed.unfit.append(unfit)


def _keys(parsed: _Parsed) -> tuple[str, ...]:
    return tuple(dict.fromkeys(itertools.chain.from_iterable(parsed.objects)))


def _in_short(error: ValueError) -> str:
    """Leave out what Python advises its programmers about very long numbers."""
    return str(error).partition(":")[0]


def _columnar(parsed: _Parsed) -> Block:
    names = _keys(parsed)
    return Block(
        columns={name: [found.get(name, ABSENT) for found in parsed.objects] for name in names},
        lines=parsed.lines,
        texts=parsed.texts,
        unfit=parsed.unfit,
        sparse=any(len(found) < len(names) for found in parsed.objects),
    )
