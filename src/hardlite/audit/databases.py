"""Which databases a program opens, where, and what is said of each."""

import ast
import dataclasses
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final, Literal

from hardlite.audit.facts import Module, Scope
from hardlite.audit.paths import Path, path_of, text_of
from hardlite.audit.program import Program

__all__ = ["OPENERS", "Databases", "Resource", "Site", "fold", "holds_lock"]

OPENERS: Final = {
    "sqlite3.connect": "sqlite3",
    "sqlite3.dbapi2.connect": "sqlite3",
    "aiosqlite.connect": "aiosqlite",
    "sqlalchemy.create_engine": "engine",
    "sqlalchemy.engine.create_engine": "engine",
    "sqlmodel.create_engine": "engine",
    "sqlalchemy.ext.asyncio.create_async_engine": "engine",
    "streamlit.connection": "engine",
}
"""What opens a database, and by which driver."""
_WAL: Final = re.compile(r"journal_mode\s*(=|\()\s*['\"]?(wal|\{)", re.IGNORECASE)
_MEMORY: Final = re.compile(r":memory:|mode=memory|^sqlite(\+\w+)?://$|^$")
_READ_ONLY: Final = re.compile(r"mode=ro|immutable=1")
_URL: Final = re.compile(r"^sqlite(\+\w+)?:")
_OTHER: Final = re.compile(r"^(postgres|mysql|mssql|oracle|mariadb)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A file beside the code: settings or SQL."""

    path: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Site:
    """A place that opens a database.

    Attributes:
        driver: what it is opened with.
        scope: the function it stands in.
        call: the call itself.
        text: of the path or the URL, as far as it is literal.
        key: the same for places that open the same database.
    """

    driver: Literal["sqlite3", "aiosqlite", "engine"]
    scope: Scope
    call: ast.Call
    text: str
    key: str

    @property
    def module(self) -> Module:
        """The file it stands in."""
        return self.scope.module

    @property
    def is_under_lock(self) -> bool:
        """Whether a lock of this process is made beside the connection."""
        return holds_lock(self.scope.owner or self.module.scope)

    def option(self, name: str) -> ast.expr | None:
        """Return the keyword argument ``name``, also of ``connect_args``."""
        words = {word.arg: word.value for word in self.call.keywords}
        inner = words.get("connect_args")
        if isinstance(inner, ast.Dict):
            words |= {text_of(k): v for k, v in zip(inner.keys, inner.values, strict=True)}
        return words.get(name)


class Databases:
    """The databases of a program.

    Args:
        program: linked.
        resources: settings and SQL that lie beside the code.
    """

    def __init__(self, program: Program, resources: Iterable[Resource]) -> None:
        self._program = program
        self.resources = list(resources)
        self.sites: list[Site] = []
        production = [m for m in program.modules if m.role != "test"]
        texts = [text for module in production for _, text in module.texts]
        settings = [
            resource.text for resource in self.resources if not resource.path.endswith(".sql")
        ]
        self._url = any(map(_URL.match, texts)) or any("sqlite:" in text for text in settings)
        self.listeners = [m for m in production if _listens(m)]

    @property
    def orm(self) -> bool:
        """Whether something of the program hands SQLAlchemy a URL of SQLite."""
        return self._url

    @property
    def sites_of_engines(self) -> bool:
        """Whether a place that makes an engine is known."""
        return any(site.driver == "engine" for site in self.sites)

    @property
    def has_one_writer(self) -> bool:
        """Whether each connection of the running program is kept under a lock of its own."""
        sites = [site for site in self.sites if site.module.role == "production"]
        return bool(sites) and all(site.is_under_lock for site in sites)

    def add(self, call: ast.Call, scope: Scope) -> None:
        """Take a call into account, should it open a database."""
        driver = OPENERS.get(self._program.external(path_of(call.func), scope))
        if driver is None:
            return
        where = call.args[0] if call.args else _word(call, "url") or _word(call, "database")
        text = fold(self._program, where, scope)
        known = _URL.match(text) or (not text.startswith("{}") and "://" not in text and text)
        if _MEMORY.search(text) and where is not None and text:
            return
        if driver == "engine" and (_OTHER.match(text) or not (known or self._url)):
            return
        key = self._key(where, text, scope)
        self.sites.append(Site(driver=driver, scope=scope, call=call, text=text, key=key))  # type: ignore[arg-type]

    def by_key(self) -> Iterator[list[Site]]:
        """Yield the places that open one database, the one to speak of first."""
        groups: dict[str, list[Site]] = {}
        for site in self.sites:
            groups.setdefault(site.key, []).append(site)
        for sites in groups.values():
            yield sorted(
                sites,
                key=lambda s: (
                    s.module.role != "production",
                    s.scope.kind == "module" and len(sites) > 1 and not s.module.imports,
                ),
            )

    def has_wal(self, site: Site) -> bool:
        """Say whether the database of a place is set to WAL."""
        return any(
            _WAL.search(text) for module in self._speaking_of(site) for _, text in module.texts
        ) or any(_WAL.search(resource.text) for resource in self.sql_of(site.module))

    def sql_of(self, module: Module) -> Iterator[Resource]:
        """Yield the SQL files that a module names."""
        named = {PurePosixPath(text).name for _, text in module.texts if text.endswith(".sql")}
        runs = any(
            c.path[-1] == ".executescript" for s in module.scope.functions() for c in s.calls
        )
        scripts = (r for r in self.resources if r.path.endswith(".sql"))
        return (r for r in scripts if runs or PurePosixPath(r.path).name in named)

    def read_only(self, site: Site) -> bool:
        """Say whether a place opens its database only to read."""
        texts = [site.text, *site.scope.constants.values()]
        return any(_READ_ONLY.search(text) for text in texts)

    def _speaking_of(self, site: Site) -> Iterator[Module]:
        yield site.module
        if site.driver == "engine":
            yield from self.listeners
        for call in site.scope.calls:
            callee = self._program.callee(call.path, site.scope)
            if callee is not None:
                yield callee.module

    def _key(self, where: ast.expr | None, text: str, scope: Scope) -> str:
        if text and "{}" not in text:
            return PurePosixPath(text).name
        path = path_of(where)
        if path is None:
            return f"{scope.module.name}:{text}"
        for bound, there in scope.bindings.get(path[0], ()):
            match self._program.value(bound[:-1], there):
                case ("function", Scope() as origin):
                    return f"{origin.module.name}:{origin.name}"
                case _:
                    pass
        return f"{scope.module.name}:{scope.owner.name if scope.owner else ''}:{''.join(path)}"


def holds_lock(owner: Scope) -> bool:
    """Say whether a class, or a module, makes a lock of this process."""
    bound = (path for paths in owner.bindings.values() for path, _ in paths)
    return any(
        path[-1] == "()" and path[-2].lstrip(".") in {"Lock", "RLock"}
        for path in bound
        if len(path) > 1
    )


def fold(program: Program, node: ast.expr | None, scope: Scope) -> str:
    """Return what is literal of a text, through constants and across files."""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            fold(program, part.value, scope) or "{}"
            if isinstance(part, ast.FormattedValue)
            else text_of(part)
            for part in node.values
        )
    return text_of(node) or _fold_path(program, path_of(node), scope, 0)


_DEEPEST: Final = 6


def _fold_path(program: Program, path: Path | None, scope: Scope, depth: int) -> str:
    if path is None or depth > _DEEPEST:
        return ""
    for holder in _holders(program, path, scope):
        name = path[-1].lstrip(".")
        if text := holder.constants.get(name):
            return text
        for bound, there in holder.bindings.get(name, ()):
            if text := _fold_path(program, bound, there, depth + 1):
                return text
    return ""


def _holders(program: Program, path: Path, scope: Scope) -> Iterator[Scope]:
    name = path[0]
    if len(path) > 1:
        match program.value(path[:-1], scope):
            case (_, Scope() as holder):
                yield holder
            case _:
                pass
        return
    around: Scope | None = scope
    while around is not None:
        yield around
        around = around.parent
    target = scope.module.imports.get(name, "")
    start, _, _ = target.rpartition(".")
    ours = program.module_named(start, scope.module) if start else None
    if ours is not None:
        yield ours.scope


def _listens(module: Module) -> bool:
    return any(
        "listens_for" in "".join(path)
        for scope in module.scope.functions()
        for path in scope.decorators
    ) or any(
        call.path[-1] == ".listen" for scope in module.scope.functions() for call in scope.calls
    )


def _word(call: ast.Call, name: str) -> ast.expr | None:
    return next((word.value for word in call.keywords if word.arg == name), None)
