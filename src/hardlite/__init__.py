"""hardlite ends "database is locked": a SQLAlchemy engine and session plugin for SQLite."""

import importlib
from typing import TYPE_CHECKING

from hardlite.checkouts import Checkout
from hardlite.engine import create_hardened_engine
from hardlite.errors import (
    BackupError,
    ConfigurationError,
    DatabaseInUseError,
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
from hardlite.inspection.totals import LockTotals
from hardlite.lock_holders import LockHolders, holders
from hardlite.operations.backup import Backup, backup
from hardlite.operations.checkpoint import Checkpoint, checkpoint
from hardlite.operations.health import Health, health
from hardlite.operations.lock_timeline import record_locks
from hardlite.operations.maintenance import Maintenance
from hardlite.operations.restore import Restored, restore
from hardlite.operations.single_instance import SingleInstance
from hardlite.operations.status import status
from hardlite.operations.status_report import DatabaseStatus
from hardlite.operations.upkeep import Upkeep, optimize, vacuum
from hardlite.operations.verify import Verification, verify
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
    "Backup",
    "BackupError",
    "BatchResult",
    "Checkout",
    "Checkpoint",
    "ConfigurationError",
    "Constraint",
    "DatabaseInUseError",
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
    "LockTotals",
    "Maintenance",
    "MigrationFailedError",
    "MissingExtraError",
    "PoolStatus",
    "PragmaRejectedError",
    "Profile",
    "ReadOnlySessionError",
    "ReentrantWriteError",
    "Rejection",
    "Restored",
    "ResumePoint",
    "ResumeRefusedError",
    "RetryPolicy",
    "SessionmakerConflictError",
    "SingleInstance",
    "StaleSnapshotError",
    "TableStatus",
    "UnreadableDatabaseError",
    "UnsupportedDatabaseError",
    "Upkeep",
    "UsageError",
    "Verification",
    "async_batched_unit_of_work",
    "async_run_in_transaction",
    "backup",
    "batched_unit_of_work",
    "checkpoint",
    "create_hardened_async_engine",
    "create_hardened_engine",
    "forget_resume_key",
    "get_async_sessionmaker",
    "get_sessionmaker",
    "health",
    "holders",
    "optimize",
    "record_locks",
    "restore",
    "resume_points",
    "retry_on_locked",
    "run_in_transaction",
    "status",
    "vacuum",
    "verify",
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
