"""The tables: documents, a checkpoint for each stage of each, progress, and the workers."""

import enum

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class State(enum.StrEnum):
    """Where a document is."""

    OPEN = "open"
    """Uploaded, and not through all stages: claimed by a worker or free to be."""

    DONE = "done"
    FAILED = "failed"


class Base(DeclarativeBase):
    """What the tables have in common."""


class Document(Base):
    """A file that was uploaded. The row is committed when the file is complete on the disk."""

    __tablename__ = "document"
    __table_args__ = (Index("document_claimable", "state", "lease_until"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """Chosen by the client: an upload that is sent again under its key is the same document."""
    name: Mapped[str]
    file: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int]
    sha256: Mapped[str]
    uploaded: Mapped[float]
    state: Mapped[str] = mapped_column(default=State.OPEN)
    stage: Mapped[int] = mapped_column(default=0)
    """How many stages have their checkpoint."""
    owner: Mapped[str | None]
    """Which worker has claimed it."""
    lease_until: Mapped[float] = mapped_column(default=0.0)
    """When the claim ends, in seconds since 1970, unless its worker gives a sign of life."""
    claims: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str | None]


class Checkpoint(Base):
    """What a stage found. Its key is why no stage of a document can be kept twice."""

    __tablename__ = "checkpoint"
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"), primary_key=True)
    stage: Mapped[int] = mapped_column(primary_key=True)
    result: Mapped[str] = mapped_column(Text)
    worker: Mapped[str]
    at: Mapped[float]


class Progress(Base):
    """How far a stage is: the newest value only, some times a second.

    It is of no interest any more when its stage has a checkpoint.
    """

    __tablename__ = "progress"
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"), primary_key=True)
    stage: Mapped[int]
    share: Mapped[float]


class Worker(Base):
    """A process, and what it has counted of its turns."""

    __tablename__ = "worker"
    name: Mapped[str] = mapped_column(primary_key=True)
    pid: Mapped[int]
    seen: Mapped[float]
    commits: Mapped[int] = mapped_column(default=0)
    waited: Mapped[float] = mapped_column(default=0.0)
    held: Mapped[float] = mapped_column(default=0.0)
    refused: Mapped[int] = mapped_column(default=0)
    slow: Mapped[int] = mapped_column(default=0)
    """Writers that waited more than a tenth of a second."""
