"""hardlite ends "database is locked": a SQLAlchemy engine and session plugin for SQLite."""

import importlib
from typing import TYPE_CHECKING

from hardlite.checkouts import Checkout
from hardlite.engine import create_hardened_engine
from hardlite.errors import (
    ConfigurationError,
    DatabaseLockedError,
    DatabaseReplacedError,
    HardliteError,
    ImportRejectedError,
    LeftoverTableError,
    MigrationFailedError,
    MissingExtraError,
    PragmaRejectedError,
    ReadOnlySessionError,
    ReentrantWriteError,
    ResumeRefusedError,
    SessionmakerConflictError,
    StaleSnapshotError,
    UnreadableDatabaseError,
    UnsupportedDatabaseError,
    UsageError,
)
from hardlite.imports.batches import batched_unit_of_work
from hardlite.inspection.counting import TableStatus
from hardlite.inspection.pools import PoolStatus
from hardlite.lock_holders import LockHolders, holders
from hardlite.operations.health import Health, health
from hardlite.operations.status import status
from hardlite.operations.status_report import DatabaseStatus
from hardlite.profile import Profile
from hardlite.reports.batch_results import BatchResult
from hardlite.reports.constraints import Constraint
from hardlite.reports.rejections import Rejection
from hardlite.reports.report import ImportReport
from hardlite.resume.resume_points import ResumePoint, forget_resume_key, resume_points
from hardlite.retry import retry_on_locked
from hardlite.retry_policy import RetryPolicy
from hardlite.sessions import get_sessionmaker, run_in_transaction
from hardlite.turns.holder import Holder

if TYPE_CHECKING:
    from hardlite.aio.batches import async_batched_unit_of_work
    from hardlite.aio.engine import create_hardened_async_engine
    from hardlite.aio.sessions import async_run_in_transaction, get_async_sessionmaker

__all__ = [
    "BatchResult",
    "Checkout",
    "ConfigurationError",
    "Constraint",
    "DatabaseLockedError",
    "DatabaseReplacedError",
    "DatabaseStatus",
    "HardliteError",
    "Health",
    "Holder",
    "ImportRejectedError",
    "ImportReport",
    "LeftoverTableError",
    "LockHolders",
    "MigrationFailedError",
    "MissingExtraError",
    "PoolStatus",
    "PragmaRejectedError",
    "Profile",
    "ReadOnlySessionError",
    "ReentrantWriteError",
    "Rejection",
    "ResumePoint",
    "ResumeRefusedError",
    "RetryPolicy",
    "SessionmakerConflictError",
    "StaleSnapshotError",
    "TableStatus",
    "UnreadableDatabaseError",
    "UnsupportedDatabaseError",
    "UsageError",
    "async_batched_unit_of_work",
    "async_run_in_transaction",
    "batched_unit_of_work",
    "create_hardened_async_engine",
    "create_hardened_engine",
    "forget_resume_key",
    "get_async_sessionmaker",
    "get_sessionmaker",
    "health",
    "holders",
    "resume_points",
    "retry_on_locked",
    "run_in_transaction",
    "status",
]

_AWAITED = {
    "async_batched_unit_of_work": "hardlite.aio.batches",
    "async_run_in_transaction": "hardlite.aio.sessions",
    "create_hardened_async_engine": "hardlite.aio.engine",
    "get_async_sessionmaker": "hardlite.aio.sessions",
}
"""Loaded when they are asked for: not every program pays for SQLAlchemy's asyncio extension."""


def __getattr__(name: str) -> object:
    if name not in _AWAITED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_AWAITED[name]), name)
