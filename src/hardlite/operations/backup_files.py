"""The files of backups: which name a new one gets, how it gets it, and which old ones may go.

A backup has its name only when it is known to be good; until then it is a draft beside it.
"""

import contextlib
import dataclasses
import datetime as dt
import gzip
import json
import math
import os
import pathlib
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import Final

from hardlite.clock import Clock
from hardlite.errors import ConfigurationError, UsageError
from hardlite.lock_holders.claim_files import ClaimedByOtherError, claimed_file
from hardlite.operations.copying import synced
from hardlite.operations.manifest import Manifest, manifest_path

__all__ = [
    "BackupPlace",
    "only_one",
    "pack",
    "place_for",
    "put_in_place",
    "remove_older",
    "require_keeping",
    "same_file",
    "stamp_of",
    "sync_directory",
    "write_manifest",
]

_LEVEL: Final = 1
"""Of gzip: the others take several times as long and save little."""
_BLOCK: Final = 1 << 20
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


def require_keeping(*, keep: int | None, keep_for: float | None) -> None:
    """Look whether a number and an age can say which backups stay.

    Raises:
        ConfigurationError: they cannot.
    """
    if keep is not None and keep < 1:
        raise ConfigurationError(
            f"keep= cannot be {keep}", "The new backup always stays: give 1 or more."
        )
    if keep_for is not None and not keep_for > 0:
        raise ConfigurationError(
            f"keep_for= cannot be {keep_for}", "Give a number of seconds above 0."
        )


def remove_older(
    place: BackupPlace, *, keep: int | None, keep_for: float | None, moment: float
) -> tuple[str, ...]:
    """Remove the backups that nothing keeps, when the new one is in its place, and not before.

    Args:
        place: that of the new one.
        keep: how many stay at least, the new one included.
        keep_for: seconds for which each stays at least.
        moment: now, in seconds since 1970.
    """
    if keep is None and keep_for is None:
        return ()
    now = dt.datetime.fromtimestamp(moment, dt.UTC)
    removed = []
    for newer, (path, made) in enumerate(place.older(), start=1):
        by_number = newer < (keep or 0)
        by_age = (now - made).total_seconds() < (keep_for or -math.inf)
        if not by_number and not by_age:
            path.unlink(missing_ok=True)
            manifest_path(path).unlink(missing_ok=True)
            removed.append(str(path))
    if removed:
        sync_directory(place.path.parent)
    return tuple(removed)


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


@contextlib.contextmanager
def only_one(place: BackupPlace, clock: Clock) -> Iterator[None]:
    """Let nobody else make a backup for this place.

    Raises:
        UsageError: somebody does.
    """
    with contextlib.ExitStack() as claim:
        try:
            claim.enter_context(claimed_file(str(place.claim), "backup", clock))
        except ClaimedByOtherError as error:
            raise UsageError(
                f"Another backup to {place.path} is under way: {error}",
                "Wait until that one is done, or name another file.",
            ) from None
        yield


def pack(draft: pathlib.Path, packed: pathlib.Path) -> None:
    """Pack a file, and see that it comes out again as it was.

    Raises:
        OSError: it does not.
    """
    packed.touch(mode=draft.stat().st_mode & 0o666)
    with draft.open("rb") as plain, gzip.open(packed, "wb", compresslevel=_LEVEL) as out:
        shutil.copyfileobj(plain, out, _BLOCK)
    with synced(str(packed)):
        pass
    with gzip.open(packed) as back, draft.open("rb") as plain:
        while block := plain.read(_BLOCK):
            if back.read(len(block)) != block:
                raise OSError(f"{packed} does not hold what was packed")


def write_manifest(path: pathlib.Path, manifest: Manifest) -> None:
    """Write a manifest, and wait until it is on the disk."""
    path.write_text(json.dumps(manifest.to_dict(), indent=1) + "\n", encoding="utf-8")
    with synced(str(path)):
        pass
