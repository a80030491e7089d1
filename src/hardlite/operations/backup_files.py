"""The files of backups: which name a new one gets, how it gets it, and which old ones may go.

A backup has its name only when it is known to be good; until then it is a draft beside it.
"""

import dataclasses
import datetime as dt
import os
import pathlib
import re
import sys
from collections.abc import Iterable
from typing import Final

from hardlite.errors import ConfigurationError
from hardlite.operations.manifest import manifest_path

__all__ = ["BackupPlace", "place_for", "put_in_place", "same_file", "stamp_of", "sync_directory"]

_TIME: Final = "{time}"
_STAMP: Final = r"\d{8}T\d{9}Z"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BackupPlace:
    """Where a backup goes.

    Attributes:
        path: the file to be.
        draft: the copy of the database until it is known to be good.
        claim: the lock file that keeps two backups from writing to one place.
        pattern: what the names of its kind look like.
    """

    path: pathlib.Path
    draft: pathlib.Path
    claim: pathlib.Path
    pattern: re.Pattern[str]

    @property
    def packed(self) -> pathlib.Path:
        """The packed copy until it is known to be good."""
        return self.draft.with_name(f"{self.draft.name}-packed")

    @property
    def manifest(self) -> pathlib.Path:
        """What is going to be the manifest."""
        return self.draft.with_name(f"{self.draft.name}-manifest")

    def remove_drafts(self) -> None:
        """Remove what is left of a backup that did not become one."""
        for path in (self.draft, self.packed, self.manifest):
            path.unlink(missing_ok=True)

    @property
    def compressed(self) -> bool:
        """Whether it is packed, as its name says."""
        return self.path.suffix == ".gz"

    def older(self) -> list[tuple[pathlib.Path, dt.datetime]]:
        """Return the backups of its kind that have a manifest, the newest first."""
        found = []
        # By their manifests, which are the last to go.
        for manifest in self.path.parent.glob("*.manifest.json"):
            path = manifest.with_name(manifest.name.removesuffix(".manifest.json"))
            match = self.pattern.fullmatch(path.name)
            if match is not None and path != self.path:
                found.append((path, _moment(match["time"])))
        return sorted(found, key=lambda entry: entry[1], reverse=True)


def place_for(target: str | os.PathLike[str], database: str, moment: float) -> BackupPlace:
    """Look whether a backup can go to ``target``.

    Args:
        target: a path; ``{time}`` in its name becomes the moment in UTC.
        database: the file that it is a backup of.
        moment: now, in seconds since 1970.

    Raises:
        ConfigurationError: something is there already, or its directory is not.
    """
    given = pathlib.Path(target).absolute()
    stamp = stamp_of(moment)
    path = given.with_name(given.name.replace(_TIME, stamp, 1)) if given.name else given
    if same_file(path, database):
        raise ConfigurationError(
            f"The backup of {database} would replace the database itself", "Name another file."
        )
    if path.is_dir():
        raise ConfigurationError(
            f"The backup cannot be {path}: that is a directory",
            f"Name a file in it, such as {path / 'app-{time}.db'}.",
        )
    if path.is_symlink() or path.exists() or manifest_path(path).exists():
        raise ConfigurationError(
            f"There is a backup or something else at {path} already, and it stays",
            "Name another file; with {time} in its name each backup has one of its own.",
        )
    if not path.parent.is_dir():
        raise ConfigurationError(f"There is no directory {path.parent}", "Make it first.")
    before, _, after = given.name.partition(_TIME)
    plain = given.name.replace(_TIME, "time")
    pattern = f"{re.escape(before)}(?P<time>{_STAMP}){re.escape(after)}"
    return BackupPlace(
        path=path,
        draft=path.with_name(f".{plain}.draft"),
        claim=path.with_name(f".{plain}.claim"),
        pattern=re.compile(pattern),
    )


def stamp_of(moment: float) -> str:
    """Return a moment as it stands in names.

    >>> stamp_of(1.25)
    '19700101T000001250Z'
    """
    now = dt.datetime.fromtimestamp(moment, dt.UTC)
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}Z"


def put_in_place(draft: pathlib.Path, path: pathlib.Path) -> None:
    """Give a draft its name, and never replace what has got that name meanwhile.

    Raises:
        FileExistsError: something has.
    """
    if path.exists():
        raise FileExistsError(f"{path} has appeared meanwhile")
    draft.rename(path)
    sync_directory(path.parent)


def sync_directory(path: pathlib.Path) -> None:
    """Wait until the names in a directory are on the disk."""
    if sys.platform == "win32":
        return  # It cannot be waited for there.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def same_file(path: pathlib.Path, database: str) -> bool:
    """Say whether a path leads to a database, by a link of either kind or by one of its files."""
    real = os.path.realpath(path)
    files: Iterable[str] = (database, *(f"{database}-{end}" for end in ("wal", "shm", "journal")))
    if real in files:
        return True
    return path.exists() and os.path.exists(database) and path.samefile(database)  # noqa: PTH110


def _moment(stamp: str) -> dt.datetime:
    seconds = dt.datetime.strptime(stamp[:15], "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)
    return seconds + dt.timedelta(milliseconds=int(stamp[15:18]))
