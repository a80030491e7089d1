"""Whether an open database file is still the one at its path.

A file that was deleted, moved or copied over goes on to take commits from connections that have it
open, and nobody will ever see them. SQLite looks for that with a rollback journal only
(SQLITE_READONLY_DBMOVED in sqlite.org, "Result and Error Codes"); with a WAL, hardlite does.
"""

import os

from hardlite.errors import FileReplacedError

__all__ = ["FileIdentity"]

_Inode = tuple[int, int]


class FileIdentity:
    """The file that a connection has open.

    Args:
        file: its absolute path.
        error: what is raised.
    """

    def __init__(self, file: str, error: type[FileReplacedError] = FileReplacedError) -> None:
        self._file = file
        self._error = error
        self._wal_file = f"{file}-wal"
        self._database = _inode(file)
        self._wal: _Inode | None = None

    def require_before(self) -> None:
        """Look before a transaction begins.

        Raises:
            FileReplacedError: another file is at the path, or none.
        """
        if _inode(self._file) != self._database:
            raise self._replaced("nothing was written")

    def require_after(self) -> None:
        """Look after COMMIT has returned.

        Raises:
            FileReplacedError: what was committed went into a file that nobody finds.
        """
        lost = "what this transaction committed is lost"
        if _inode(self._file) != self._database:
            raise self._replaced(lost)
        # It comes with the first commit and stays for as long as anybody has the database open.
        wal = _inode(self._wal_file)
        if self._wal is None:
            self._wal = wal
        elif wal != self._wal:
            raise self._replaced(lost, suffix="-wal")

    def _replaced(self, outcome: str, suffix: str = "") -> FileReplacedError:
        return self._error(
            f"the database file {self._file}{suffix} was deleted, moved or replaced while a "
            f"connection had it open; {outcome}",
            hint=(
                "Find who does that: a deployment, a restore, a sync or clean-up program. Stop the "
                "programs that use a database before its files are touched; to copy a live one, "
                "use SQLite's backup or VACUUM INTO. New connections open the file that is there "
                "now."
            ),
        )


def _inode(file: str) -> _Inode | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - at each transaction, so without an object around it
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
