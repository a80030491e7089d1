"""What is written down beside a backup: what it is, and how to tell that it still is."""

import dataclasses
import hashlib
import json
import os
import pathlib
import sys
from typing import Any, Final, TypedDict, cast

from hardlite.operations.content import Content, ContentDict

__all__ = [
    "Manifest",
    "ManifestDict",
    "digest_from_outside",
    "digest_of",
    "manifest_path",
    "read_manifest",
]

_SCHEMA: Final = "hardlite.backup/1"
_PROGRAM: Final = """
import hashlib, sys
with open(sys.argv[1], "rb") as file:
    print(hashlib.file_digest(file, "sha256").hexdigest())
"""


class ManifestDict(TypedDict):
    """A `Manifest` as plain values."""

    schema: str
    file: str
    bytes: int
    sha256: str
    database: str
    created: str
    hardlite: str
    sqlite: str
    check: str
    lost_references: list[str]
    content: ContentDict


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What was written down when a backup was found good.

    Attributes:
        file: the name of the backup file.
        bytes: its size.
        sha256: its digest, in hexadecimal.
        database: the path of the database that it is of.
        created: the moment whose state it has, in UTC by ISO 8601.
        hardlite: the version that made it.
        sqlite: the version of SQLite that made it.
        check: how thoroughly it was looked for damage.
        lost_references: what foreign_key_check said of it; the database was no better.
        content: what is in it.
    """

    file: str
    bytes: int
    sha256: str
    database: str
    created: str
    hardlite: str
    sqlite: str
    check: str
    lost_references: tuple[str, ...]
    content: Content

    def to_dict(self) -> ManifestDict:
        """Return it as plain values, as they stand in the manifest."""
        return {
            "schema": _SCHEMA,
            "file": self.file,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "database": self.database,
            "created": self.created,
            "hardlite": self.hardlite,
            "sqlite": self.sqlite,
            "check": self.check,
            "lost_references": list(self.lost_references),
            "content": self.content.to_dict(),
        }


def manifest_path(backup: pathlib.Path) -> pathlib.Path:
    """Return where the manifest of a backup is.

    >>> manifest_path(pathlib.Path("backups/app.db.gz")).name
    'app.db.gz.manifest.json'
    """
    return backup.with_name(f"{backup.name}.manifest.json")


def read_manifest(backup: pathlib.Path) -> Manifest | None:
    """Return the manifest of a backup; None if there is none.

    Raises:
        ValueError: what is there is no manifest.
        OSError: it cannot be read.
    """
    try:
        text = manifest_path(backup).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        return _decoded(text)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{manifest_path(backup)} is no manifest of a backup") from error


def _decoded(text: str) -> Manifest:
    told = cast("dict[str, Any]", json.loads(text))
    if told.pop("schema") != _SCHEMA:
        raise ValueError(_SCHEMA)
    content = told.pop("content")
    lost = tuple(map(str, told.pop("lost_references")))
    rows = {str(table): int(count) for table, count in content.pop("rows").items()}
    return Manifest(**told, lost_references=lost, content=Content(**content, rows=rows))


def digest_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file that no connection of this process has open."""
    with pathlib.Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_from_outside(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file that this process may have open as a database.

    Another process reads it: to close it here would drop the locks of connections to it (sqlite.org,
    "How To Corrupt An SQLite Database File", section 2.2).

    Raises:
        OSError: it cannot be read.
    """
    # Only those who come here have a use for it.
    import subprocess

    run = subprocess.run(  # noqa: S603 - our own program, and a path as an argument
        [sys.executable, "-I", "-S", "-c", _PROGRAM, os.fspath(path)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if run.returncode:
        reason = run.stderr.strip().rpartition("\n")[2]
        raise OSError(f"{path} could not be read by another process: {reason}")
    return run.stdout.strip()
