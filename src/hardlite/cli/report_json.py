"""The report of a command as JSON, line by line, so that it may be of any length."""

import json
from collections.abc import Iterable, Iterator, Mapping

from hardlite.cli.imported import Imported, columns_of, line_of
from hardlite.cli.versions import versions
from hardlite.reports.rejections import Rejection

__all__ = ["json_report"]


def json_report(imports: Iterable[Imported], *, database: str, ok: bool) -> Iterator[str]:
    """Yield the parts of a JSON object.

    Args:
        imports: what became of each source.
        database: the URL.
        ok: whether all rows of all sources are in.
    """
    head = {
        "schema": "hardlite.cli-import/2",
        "versions": versions(),
        "database": database,
        "ok": ok,
    }
    yield from _object(head, {"imports": map(_import, imports)}, indent="")
    yield "\n"


def _import(each: Imported) -> Iterator[str]:
    rejects = each.rejects
    head = {
        "source": each.source,
        "table": each.table,
        "rejects": None if rejects is None else str(rejects),
        **each.report.facts(),
    }
    lists = {
        "batches": (_in_one_line(batch.to_dict()) for batch in each.report.batches),
        "rejections": (_in_one_line(_rejection(found)) for found in each.report.rejections),
    }
    return _object(head, lists, indent="    ")


def _rejection(rejection: Rejection) -> dict[str, object]:
    return {"line": line_of(rejection), **rejection.to_dict(), "columns": columns_of(rejection)}


def _object(
    head: Mapping[str, object], lists: Mapping[str, Iterable[Iterable[str]]], *, indent: str
) -> Iterator[str]:
    """Yield an object whose last values are lists, each entry of these on a line of its own."""
    yield "{"
    for number, (key, value) in enumerate(head.items()):
        yield f"{',' if number else ''}\n{indent}  {_text(key)}: {_text(value)}"
    for key, entries in lists.items():
        yield f",\n{indent}  {_text(key)}: ["
        end = ""
        for number, entry in enumerate(entries):
            yield f"{',' if number else ''}\n{indent}    "
            yield from entry
            end = f"\n{indent}  "
        yield f"{end}]"
    yield f"\n{indent}}}"


def _in_one_line(value: Mapping[str, object]) -> Iterable[str]:
    return [_text(value)]


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
