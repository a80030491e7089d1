"""Which file a database name means, as SQLite reads names."""

import os
import urllib.parse

__all__ = ["DatabaseName", "file_of"]

DatabaseName = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""What the driver's ``connect()`` takes for a database."""


def file_of(database: DatabaseName) -> str:
    """Return the path of the file that ``database`` names; empty if it is in memory.

    Names are read as SQLite reads them (sqlite.org, "Uniform Resource Identifiers").

    >>> file_of("file:/srv/my%20app.db?mode=ro")
    '/srv/my app.db'
    >>> file_of(":memory:"), file_of("file:shared?mode=memory&cache=shared")
    ('', '')
    """
    name = os.fsdecode(database)
    if name.startswith("file:"):
        parts = urllib.parse.urlsplit(name)
        query = dict(urllib.parse.parse_qsl(parts.query))
        in_memory = query.get("mode") == "memory" or query.get("vfs") == "memdb"
        name = "" if in_memory else urllib.parse.unquote(parts.path)
    if name in {"", ":memory:"}:
        return ""
    return os.path.normcase(os.path.realpath(name))
