"""What is known of other people's packages: what their calls give back, and what they do."""

import enum
import re
from typing import Final

__all__ = ["Effect", "direct_effect", "given_back", "kind_of_sql"]


class Effect(enum.IntFlag):
    """What a call does; of several calls, what they do together."""

    NONE = 0
    BLOCKS = enum.auto()
    """It waits for the database on the thread that called."""

    DATABASE = enum.auto()
    """It uses the database, blocking or not."""

    WRITES = enum.auto()
    """It takes the write lock."""

    PENDING = enum.auto()
    """It hands the session an object to write at the next flush."""

    COMMITS = enum.auto()
    ROLLS_BACK = enum.auto()
    SLOW = enum.auto()
    """It waits for the network, another program or a clock."""

    ORM = enum.auto()
    """It goes through SQLAlchemy, so which database it is stands in a URL."""


_SAME: Final = {
    "sqlite3.connect()": "Connection()",
    "sqlite3.dbapi2.connect()": "Connection()",
    "sqlite3.Connection()": "Connection()",
    "sqlite3.Cursor()": "Cursor()",
    "Connection().cursor()": "Cursor()",
    "Connection().execute()": "Cursor()",
    "Connection().executemany()": "Cursor()",
    "Cursor().execute()": "Cursor()",
    "aiosqlite.connect()": "AsyncConnection()",
    "aiosqlite.Connection()": "AsyncConnection()",
    "AsyncConnection().cursor()": "AsyncCursor()",
    "AsyncConnection().execute()": "AsyncCursor()",
    "aiosqlite.Cursor()": "AsyncCursor()",
    "sqlalchemy.create_engine()": "Engine()",
    "sqlalchemy.engine.create_engine()": "Engine()",
    "sqlmodel.create_engine()": "Engine()",
    "hardlite.create_hardened_engine()": "Engine()",
    "sqlalchemy.Engine()": "Engine()",
    "sqlalchemy.engine.Engine()": "Engine()",
    "Engine().connect()": "CoreConnection()",
    "Engine().begin()": "CoreConnection()",
    "sqlalchemy.orm.sessionmaker()": "Sessionmaker()",
    "hardlite.get_sessionmaker()": "Sessionmaker()",
    "Sessionmaker()()": "Session()",
    "Sessionmaker().begin()": "Session()",
    "sqlalchemy.orm.scoped_session()": "Session()",
    "sqlalchemy.orm.Session()": "Session()",
    "sqlalchemy.orm.session.Session()": "Session()",
    "sqlmodel.Session()": "Session()",
    "Sessionmaker().reader()": "Session()",
    "Sessionmaker().writer()": "Session()",
    "Session()()": "Session()",
    "Session().begin()": "Session()",
    "Session().query()": "Query()",
    "flask_sqlalchemy.SQLAlchemy().session": "Session()",
    "flask_sqlalchemy.SQLAlchemy().Model.query": "Query()",
    "flask_sqlalchemy.SQLAlchemy().Model.query_class()": "Query()",
    "streamlit.connection().session": "Session()",
    "sqlalchemy.ext.asyncio.create_async_engine()": "AsyncEngine()",
    "sqlalchemy.ext.asyncio.async_sessionmaker()()": "AsyncSession()",
    "sqlalchemy.ext.asyncio.AsyncSession()": "AsyncSession()",
    "AsyncEngine().begin()": "AsyncSession()",
    "AsyncEngine().connect()": "AsyncSession()",
}
"""Steps that come to the same thing."""

_ORM_READS: Final = {
    *("execute", "exec", "scalar", "scalars", "get", "get_one", "refresh", "merge", "query"),
    *("first", "all", "one", "one_or_none", "count", "paginate", "first_or_404", "get_or_404"),
}
_DRIVER_CALLS: Final = {
    *("execute", "executemany", "executescript", "fetchone", "fetchall", "fetchmany", "backup"),
}
_WRITES: Final = {"flush", "bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"}
_DRIVERS: Final = {"Connection()", "Cursor()", "AsyncConnection()", "AsyncCursor()"}
_ORMS: Final = {"Session()", "Query()", "CoreConnection()", "AsyncSession()"}

_SLOW: Final = re.compile(
    r"(requests|httpx|aiohttp|urllib\.request|urllib3|smtplib|imaplib|ftplib|paramiko|boto3|botocore"
    r"|feedparser|robobrowser|mechanize|openai|anthropic|litellm|ollama|cohere|replicate|google\.generativeai|transformers"
    r"|selenium|playwright|telegram|aiogram|discord|subprocess|huggingface_hub|stripe|twilio)\b"
    r"|(time|asyncio|anyio|trio)\.sleep$"
)
_NOT_SLOW: Final = re.compile(
    r"\.(exceptions?|types|filters|[A-Z]\w*Error|TimeoutException|\w*Keyboard\w*)\b|\.(Session|Bot|Dispatcher)$"
)
_DML: Final = re.compile(
    r"\s*(?:WITH\b.*?\)\s*)?(INSERT|UPDATE|DELETE|REPLACE|CREATE|ALTER|DROP|PRAGMA|SELECT|BEGIN|"
    r"COMMIT|ROLLBACK|VACUUM)\b",
    re.IGNORECASE | re.DOTALL,
)


def given_back(value: str) -> str:
    """Return a value of another package under the one name that stands for its kind.

    >>> given_back("sqlite3.connect()")
    'Connection()'
    """
    if value.startswith("Query().") and value.endswith("()"):
        name = value.removeprefix("Query().").removesuffix("()")
        return value if name in _ORM_READS else "Query()"
    return _SAME.get(value, value)


def kind_of_sql(text: str) -> str:
    """Return the first word of a statement, in capitals; empty if it is not known.

    >>> kind_of_sql("  insert into t values (1)")
    'INSERT'
    """
    found = _DML.match(text)
    return found[1].upper() if found else ""


def direct_effect(callee: str, text: str) -> Effect:
    """Say what calling something of another package does.

    Args:
        callee: what is called, as `given_back` names it.
        text: what is literal of the first argument.
    """
    owner, _, method = callee.rpartition(".")
    if owner in _DRIVERS:
        return _driver_effect(owner, method, text)
    if owner in _ORMS:
        return _orm_effect(owner, method, text)
    if callee in {"pandas.read_sql", "pandas.read_sql_query", "pandas.read_sql_table"}:
        return Effect.BLOCKS | Effect.DATABASE
    if _SLOW.match(callee) and not _NOT_SLOW.search(callee):
        return Effect.SLOW
    return Effect.NONE


def _driver_effect(owner: str, method: str, text: str) -> Effect:
    waits = Effect.DATABASE if owner.startswith("Async") else Effect.DATABASE | Effect.BLOCKS
    match method:
        case "commit":
            return waits | Effect.COMMITS
        case "rollback":
            return Effect.ROLLS_BACK
        case "executemany":
            return waits | Effect.WRITES
        case "execute" | "executescript":
            return waits | _sql_effect(text)
        case _:
            return waits if method in _DRIVER_CALLS else Effect.NONE


def _orm_effect(owner: str, method: str, text: str) -> Effect:
    waits = Effect.DATABASE | Effect.ORM
    if not owner.startswith("Async"):
        waits |= Effect.BLOCKS
    if method == "commit":
        return waits | Effect.COMMITS
    if method == "rollback":
        return Effect.ROLLS_BACK
    if method in _WRITES or (owner == "Query()" and method in {"delete", "update"}):
        return waits | Effect.WRITES
    if method in {"add", "add_all", "delete"}:
        return Effect.PENDING | Effect.ORM
    if method == "execute":
        return waits | _sql_effect(text)
    return waits if method in _ORM_READS else Effect.NONE


def _sql_effect(text: str) -> Effect:
    match kind_of_sql(text):
        case "INSERT" | "UPDATE" | "DELETE" | "REPLACE":
            return Effect.WRITES
        case "COMMIT":
            return Effect.COMMITS
        case "ROLLBACK":
            return Effect.ROLLS_BACK
        case _:
            return Effect.NONE
