"""Which files are audited, what each is for, and what is left of it once it has been read."""

import ast
import dataclasses
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from hardlite.audit.facts import Module, Role
from hardlite.audit.survey import survey

__all__ = ["Source", "Unreadable", "find", "parsed", "read", "role_of"]

_SKIPPED: Final = {
    *(".git", ".hg", ".tox", ".venv", "venv", "node_modules", "__pycache__", "site-packages"),
    *("build", "dist", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".eggs"),
}
_RESOURCES: Final = {".sql", ".toml", ".ini", ".env", ".cfg"}
_TEST: Final = re.compile(
    r"(^|/)(tests?|testing|_tests?)(/|\.py$)|(^|/)(test_[^/]*|[^/]*_tests?|conftest)\.py$"
)
_EXAMPLE: Final = re.compile(
    r"(^|/)(examples?|docs?|samples?|benchmarks?|notebooks?|cookbooks?|demos?)/"
)
_MIGRATION: Final = re.compile(
    r"(^|/)versions/|(^|/)migrations?/(?!env\.py)|(^|/)alembic/(?!env\.py)"
)
_SCRIPT: Final = re.compile(
    r"(^|/)(scripts?|tools|bin)/|(^|/)(setup|create_db|init_db|seed|migrate|cli|\w+_cli|manage|__main__|fixtures)\w*\.py$"
)


class Unreadable(Exception):  # noqa: N818 - it is a finding, not a fault of ours
    """A file that does not parse.

    Args:
        path: of the file.
        line: where it stops to be Python.
        why: what the parser says.
    """

    def __init__(self, path: str, line: int, why: str) -> None:
        super().__init__(path, line, why)
        self.path, self.line, self.why = path, line, why


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file of a program.

    Attributes:
        path: where it is.
        shown: what findings call it: its path as seen from the current directory if it is below that.
        inner: its path within what is audited, which tells what it is for and what imports it.
    """

    path: Path
    shown: str
    inner: str


def find(paths: Sequence[Path], exclude: Sequence[str] = ()) -> Iterator[Source]:
    """Yield each Python and resource file.

    Args:
        paths: files and directories.
        exclude: patterns of names to leave out, as `pathlib.PurePath.match` has them.
    """
    here = Path.cwd()
    for start in paths:
        for path in _files_in(start):
            inner = path if path == start else path.relative_to(start)
            if any(inner.match(pattern) for pattern in exclude):
                continue
            absolute = path.absolute()
            if absolute.is_relative_to(here):
                shown = absolute.relative_to(here)
            else:
                shown = path if len(paths) > 1 else inner
            yield Source(path=path, shown=shown.as_posix(), inner=inner.as_posix())


def _files_in(start: Path) -> Iterator[Path]:
    if start.is_file():
        yield start
        return
    for folder, below, names in os.walk(start):
        below[:] = sorted(name for name in below if name not in _SKIPPED)
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix == ".py" or path.suffix in _RESOURCES or name == ".env":
                yield path


def parsed(source: Source) -> ast.Module:
    """Return the tree of a file.

    Raises:
        Unreadable: it is no Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source.path.read_bytes())
    except SyntaxError as error:
        raise Unreadable(source.shown, error.lineno or 1, error.msg) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(source.shown, 1, str(error) or type(error).__name__) from error


def read(sources: Iterable[Source]) -> Iterator[Module | Unreadable]:
    """Yield the facts of each Python file; no tree outlives its turn."""
    for source in sources:
        try:
            tree = parsed(source)
        except Unreadable as unreadable:
            yield unreadable
            continue
        module = Module(source.shown, _dotted(source.inner), role_of(source.inner))
        module.is_package = source.inner.endswith("/__init__.py")
        survey(tree, module)
        yield module


def role_of(shown: str) -> Role:
    """Say what a file is for, by its name.

    >>> role_of("tests/test_app.py"), role_of("app/main.py")
    ('test', 'production')
    """
    roles: tuple[tuple[re.Pattern[str], Role], ...] = (
        (_TEST, "test"),
        (_EXAMPLE, "example"),
        (_MIGRATION, "migration"),
        (_SCRIPT, "script"),
    )
    for pattern, role in roles:
        if pattern.search(shown):
            return role
    return "production"


def _dotted(shown: str) -> str:
    return shown.removesuffix(".py").removesuffix("/__init__").strip("/").replace("/", ".")
