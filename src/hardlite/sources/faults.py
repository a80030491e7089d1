"""What can be wrong with a source: all of it, or one of its rows."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from hardlite.errors import HardliteError

__all__ = ["SourceError", "UnfitRowError", "explained", "require_names"]


class SourceError(HardliteError):
    """A source cannot be read, or does not fit the table it is meant for."""

    slug: ClassVar[str] = "source"


class UnfitRowError(ValueError):
    """One row does not fit; its text says which line, which column and why.

    It becomes the reason of a rejection, so nobody has to catch it.
    """


def require_names(title: str, names: Sequence[str]) -> None:
    """Refuse columns that cannot be told apart in a table.

    Raises:
        SourceError: there is none, one has no name, or two have one name.
    """
    if not names:
        raise SourceError(f"{title} has no columns", "There is nothing to import.")
    if not all(names):
        raise SourceError(
            f"Column {names.index('') + 1} of {title} has no name", "Name every column."
        )
    folded = [name.casefold() for name in names]
    twice = sorted({name for name in names if folded.count(name.casefold()) > 1})
    if twice:
        raise SourceError(
            f"{title} names a column twice: {', '.join(twice)}",
            "Rename or drop one of them. SQLite does not tell upper case from lower case.",
        )


@contextmanager
def explained(title: str) -> Iterator[None]:
    """Turn what reading bytes can raise into a `SourceError` about the source ``title``."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceError(f"There is no file {title}", "Check the path.") from error
    except IsADirectoryError as error:
        raise SourceError(f"{title} is a directory", "Name a file in it.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise SourceError(
            f"{title} is damaged or cut off: {error}", "Pack or fetch the file again."
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise SourceError(
            f"{title} cannot be read: {reason}", "Check the file and its permissions."
        ) from error
