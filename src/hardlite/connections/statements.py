"""What a statement of SQL asks of its transaction, told from its first words.

SQLite itself could tell (sqlite3_stmt_readonly), but Python's driver does not pass that on.
So the words decide, and every doubt is decided for writing: a read that is taken for a write
costs a turn, a write that is taken for a read would lose its transaction.
Grammar: sqlite.org, "SQL As Understood By SQLite" (lang.html).
"""

import enum
import functools
import re
from collections.abc import Callable, Iterator

__all__ = ["FOR_UPDATE", "Kind", "kind_of", "kinds_of_script"]

FOR_UPDATE = "/* hardlite: for update */"
"""What a SELECT ... FOR UPDATE compiles to; SQLite has no such clause."""


class Kind(enum.Enum):
    """What a statement asks for."""

    READ = "reads the database"
    WRITE = "may change the database"
    REBUILD = "begins the rebuild of a table by Alembic's batch mode"
    INTENT = "reads what it is going to change"
    SAVEPOINT = "opens a savepoint"
    BEGIN = "begins a transaction of the caller's own"
    BEGIN_WRITE = "begins a writing transaction of the caller's own"
    END = "ends a transaction or savepoint"
    QUERY = "asks the connection about itself"
    SETTING = "changes what SQLite only changes outside of a transaction"
    ATTACH = "adds or removes a database file"
    MAINTENANCE = "works on the file outside of a transaction, alone"


# SQLite's own white space and words, not Python's: to SQLite a no-break space is a letter, and a
# byte order mark between two words is white space.
_SPACE = r"[\t-\r ]+|\ufeff|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z)"
_NAME = r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*"
_SKIP = re.compile(rf"(?:;|{_SPACE})*", re.DOTALL)
_WORD = re.compile(_NAME)
_TOKEN = re.compile(
    rf"""(?P<space>{_SPACE})
      | (?P<quoted>'(?:[^']|'')*(?:'|\Z)|"(?:[^"]|"")*(?:"|\Z)|`(?:[^`]|``)*(?:`|\Z)|\[[^\]]*(?:\]|\Z))
      | (?P<word>{_NAME})
      | (?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
# What a PRAGMA does, its function does too (sqlite.org, "PRAGMA Statements", "PRAGMA functions").
_FUNCTION_THAT_WRITES = re.compile(r"pragma_optimize", re.IGNORECASE)
_ONE_NUMBER = re.compile(r"\d+\s*;?\s*\Z")
_REBUILD = re.compile(
    r"(?:TEMP\w*\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:(?:\"[^\"]*\"|\S+)\s*\.\s*)?[\"`\[]?_alembic_tmp_",
    re.IGNORECASE,
)

_FIRST_WORDS = {
    "VALUES": Kind.READ,
    "EXPLAIN": Kind.READ,
    "SAVEPOINT": Kind.SAVEPOINT,
    "RELEASE": Kind.END,
    "ROLLBACK": Kind.END,
    "COMMIT": Kind.END,
    "END": Kind.END,
    "ATTACH": Kind.ATTACH,
    "DETACH": Kind.ATTACH,
    "VACUUM": Kind.MAINTENANCE,
}
# In the order of sqlite.org, "PRAGMA Statements"; a PRAGMA not named here only asks.
_PRAGMAS_THAT_WRITE = {"application_id", "default_cache_size", "schema_version", "user_version"}
_PRAGMAS_ALONE = {"incremental_vacuum", "optimize", "wal_checkpoint"}
_PRAGMAS_OUTSIDE = {
    "auto_vacuum",
    "encoding",
    "foreign_keys",
    "journal_mode",
    "locking_mode",
    "page_size",
    "synchronous",
    "temp_store",
    "temp_store_directory",
}


@functools.lru_cache(maxsize=2048)
def kind_of(sql: str) -> Kind | None:
    """Say what the first statement of ``sql`` asks for; None if there is no statement in it.

    >>> kind_of("WITH new AS (SELECT 1) INSERT INTO t SELECT * FROM new")
    <Kind.WRITE: 'may change the database'>
    """
    start = _end_of(_SKIP, sql, 0)
    word = _WORD.match(sql, start)
    if word is None:
        return Kind.WRITE if start < len(sql) else None
    first = word[0].upper()
    look_further = _LOOK_FURTHER.get(first)
    if look_further is not None:
        kind = look_further(sql, _end_of(_SKIP, sql, word.end()))
    else:
        kind = _FIRST_WORDS.get(first, Kind.WRITE)
    if kind is Kind.READ and _FUNCTION_THAT_WRITES.search(sql):
        return Kind.WRITE
    return kind


def kinds_of_script(script: str) -> Iterator[Kind]:
    """Yield what each statement of ``script`` asks for.

    The body of a trigger counts as statements of its own, which changes no answer: a script that
    creates a trigger writes.
    """
    start = 0
    for token in _TOKEN.finditer(script):
        if token["other"] == ";":
            kind = kind_of(script[start : token.end()])
            start = token.end()
            if kind is not None:
                yield kind
    kind = kind_of(script[start:])
    if kind is not None:
        yield kind


def _end_of(pattern: re.Pattern[str], sql: str, start: int) -> int:
    match = pattern.match(sql, start)
    return start if match is None else match.end()


def _kind_of_select(sql: str, start: int) -> Kind:
    if _ONE_NUMBER.match(sql, start):
        # A pool's ping; it must not begin a transaction, and reads nothing that could change.
        return Kind.QUERY
    return Kind.INTENT if FOR_UPDATE in sql else Kind.READ


def _kind_of_create(sql: str, start: int) -> Kind:
    return Kind.REBUILD if _REBUILD.match(sql, start) else Kind.WRITE


def _kind_after_with(sql: str, start: int) -> Kind:
    depth = 0
    for token in _TOKEN.finditer(sql, start):
        if token["other"] == "(":
            depth += 1
        elif token["other"] == ")":
            depth -= 1
        elif depth == 0 and token["word"] and token["word"].isascii():
            # Python's upper() also makes ASCII of letters that SQLite takes for letters of a name.
            word = token["word"].upper()
            if word in {"SELECT", "VALUES"}:
                return _kind_of_select(sql, start)
            if word in {"INSERT", "REPLACE", "UPDATE", "DELETE"}:
                return Kind.WRITE
    return Kind.WRITE


def _kind_of_begin(sql: str, start: int) -> Kind:
    word = _WORD.match(sql, start)
    if word is not None and word[0].upper() in {"IMMEDIATE", "EXCLUSIVE"}:
        return Kind.BEGIN_WRITE
    return Kind.BEGIN


def _kind_of_pragma(sql: str, start: int) -> Kind:
    tokens = [token[0] for token in _TOKEN.finditer(sql, start) if not token["space"]]
    if tokens[1:2] == ["."]:
        del tokens[:2]
    name = _bare(tokens[0]) if tokens else ""
    has_value = tokens[1:2] in (["="], ["("])
    if name in _PRAGMAS_ALONE:
        return Kind.MAINTENANCE
    if has_value and name == "journal_mode" and tokens[2:3] and _bare(tokens[2]) != "wal":
        # To leave WAL is a last checkpoint.
        return Kind.MAINTENANCE
    if has_value and name in _PRAGMAS_THAT_WRITE:
        return Kind.WRITE
    if has_value and name in _PRAGMAS_OUTSIDE:
        return Kind.SETTING
    return Kind.QUERY


def _bare(token: str) -> str:
    return token.strip("'\"`[]").lower()


_LOOK_FURTHER: dict[str, Callable[[str, int], Kind]] = {
    "SELECT": _kind_of_select,
    "WITH": _kind_after_with,
    "PRAGMA": _kind_of_pragma,
    "BEGIN": _kind_of_begin,
    "CREATE": _kind_of_create,
}
