"""What can be set, from the environment: every worker process reads the same."""

import dataclasses
import os
from pathlib import Path
from typing import Self


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the application runs.

    Attributes:
        folder: where the database and the files are.
        lease: seconds for which a claim on a document lasts without a sign of life.
        pace: seconds that each section takes, in place of the model or the service that a real
            pipeline would wait for.
        at_once: how many documents each process works on at a time.
        most_bytes: how large a document may be.
        synchronous: of SQLite. With ``normal``, a power cut may undo the last commits; with ``full`` each
            commit waits for the disk.
        figures: where each process notes how long its writes took; None for nowhere.
    """

    folder: Path
    lease: float = 10.0
    pace: float = 0.05
    at_once: int = 4
    most_bytes: int = 20_000_000
    synchronous: str = "normal"
    figures: Path | None = None

    @classmethod
    def from_environment(cls) -> Self:
        """Read the variables that begin with ``DOCUMENTS_``."""
        told = os.environ.get
        figures = told("DOCUMENTS_FIGURES")
        return cls(
            folder=Path(told("DOCUMENTS_FOLDER", "documents-data")),
            lease=float(told("DOCUMENTS_LEASE", "10")),
            pace=float(told("DOCUMENTS_PACE", "0.05")),
            at_once=int(told("DOCUMENTS_AT_ONCE", "4")),
            synchronous=told("DOCUMENTS_SYNCHRONOUS", "normal"),
            figures=Path(figures) if figures else None,
        )

    @property
    def database(self) -> Path:
        """The database file."""
        return self.folder / "documents.db"
