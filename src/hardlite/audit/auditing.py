"""The audit of a program: read, link, look closely, judge."""

import contextlib
import dataclasses
import gc
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from hardlite.audit.catalogue import Effect
from hardlite.audit.choosing import chosen
from hardlite.audit.code import RULES
from hardlite.audit.code.hle0 import unreadable
from hardlite.audit.databases import OPENERS, Databases, Resource
from hardlite.audit.effects import Effects
from hardlite.audit.facts import Module
from hardlite.audit.files import Source, Unreadable, find, parsed, read, role_of
from hardlite.audit.finding import Finding, Severity
from hardlite.audit.fingerprints import fingerprints
from hardlite.audit.ignoring import ignored_lines, is_ignored
from hardlite.audit.program import Program
from hardlite.audit.unit import Linked, Unit

__all__ = ["Audited", "audit"]

_BESIDE: Final = re.compile(
    r"^(threading|_thread|concurrent|multiprocessing|asyncio|anyio|trio|fastapi|flask|django|starlette"
    r"|aiohttp|sanic|quart|bottle|tornado|litestar|falcon|pyramid|streamlit|gradio|celery|rq|dramatiq"
    r"|apscheduler|aiogram|telegram|discord|aiosqlite|uvicorn|gunicorn|websockets|socketserver|http)\b"
)
_A_FILE: Final = re.compile(r"\.(db|sqlite3?)(-wal|-shm)?$|^-(wal|shm)$")
_INNER: Final = {"example", "script", "migration"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What an audit found.

    Attributes:
        findings: in the order of the files.
        files: how many were read.
        ignored: how many findings comments say to leave alone.
    """

    findings: Sequence[Finding]
    files: int
    ignored: int = 0


def audit(
    paths: Sequence[Path],
    *,
    exclude: Sequence[str] = (),
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Audited:
    """Audit the Python files below some paths; what is by its name a test is left out.

    Args:
        paths: files and directories.
        exclude: patterns of files to leave out.
        select: beginnings of the codes of rules to go by, all of them if there are none.
        ignore: beginnings of the codes of rules to leave out.

    Raises:
        ConfigurationError: no rule has such a code.
        OSError: a file cannot be read.
    """
    rules = chosen(select, ignore)
    files = [each for each in find(paths, exclude) if role_of(each.inner) != "test"]
    sources = {each.shown: each for each in files if each.path.suffix == ".py"}
    resources = [
        Resource(path=each.shown, text=each.path.read_text(encoding="utf-8", errors="replace"))
        for each in files
        if each.shown not in sources
    ]
    with _no_collecting():
        findings = [each for each in _findings(resources, sources) if each.rule in rules]
    findings.sort(key=lambda f: (f.path, f.line, f.rule))
    quoted = list(_quoted(findings, sources))
    kept = list(_not_ignored(quoted, sources))
    return Audited(findings=kept, files=len(sources), ignored=len(quoted) - len(kept))


def _quoted(findings: Iterable[Finding], sources: Mapping[str, Source]) -> Iterator[Finding]:
    """Give findings the text of their lines, and what they are known by."""
    quoted: list[Finding] = []
    for path, group in itertools.groupby(findings, lambda finding: finding.path):
        lines = sources[path].path.read_bytes().decode(errors="replace").splitlines()
        for finding in group:
            source = "".join(lines[finding.line - 1 : finding.line]).strip()
            quoted.append(dataclasses.replace(finding, source=source))
    for finding, fingerprint in zip(quoted, fingerprints(quoted), strict=True):
        yield dataclasses.replace(finding, fingerprint=fingerprint)


def _not_ignored(findings: Iterable[Finding], sources: Mapping[str, Source]) -> Iterator[Finding]:
    for path, group in itertools.groupby(findings, lambda finding: finding.path):
        lines = ignored_lines(sources[path].path.read_bytes())
        yield from (finding for finding in group if not is_ignored(finding, lines))


@contextlib.contextmanager
def _no_collecting() -> Iterator[None]:
    """Trees have no cycles, and the collector would look at each of their nodes again and again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _findings(resources: Sequence[Resource], sources: Mapping[str, Source]) -> Iterator[Finding]:
    facts = list(read(sources.values()))
    yield from (unreadable(each) for each in facts if isinstance(each, Unreadable))
    modules = [each for each in facts if isinstance(each, Module)]
    linked = _linked(modules, resources)
    concerned = [each for each in modules if _concerns(each, linked)]
    units = {each: _unit(each, sources, linked) for each in concerned if _opens(each, linked)}
    for unit in units.values():
        for function in unit.functions:
            for call in function.calls():
                linked.databases.add(call, function.scope)
    for module in concerned:
        unit = units.pop(module) if module in units else _unit(module, sources, linked)
        for rule in RULES.values():
            for finding in rule.check(unit):
                yield _weighed(finding, module, linked)


def _linked(modules: Sequence[Module], resources: Sequence[Resource]) -> Linked:
    program = Program(modules)
    program.link()
    databases = Databases(program, resources)
    effects = Effects(program, orm=databases.orm)
    concurrent = _is_concurrent(modules)
    return Linked(program=program, effects=effects, databases=databases, concurrent=concurrent)


def _unit(module: Module, sources: Mapping[str, Source], linked: Linked) -> Unit:
    return Unit.of(parsed(sources[module.path]), module, linked)


def _weighed(finding: Finding, module: Module, linked: Linked) -> Finding:
    """What nothing runs beside does not matter more than MONITOR."""
    if module.role in _INNER or linked.databases.has_one_writer:
        return dataclasses.replace(finding, severity=Severity.MONITOR)
    return finding


def _concerns(module: Module, linked: Linked) -> bool:
    """Say whether a rule could find anything in a file."""
    return (
        any(target.startswith("alembic") for target in module.imports.values())
        or any("pragma" in text.lower() or _A_FILE.search(text) for _, text in module.texts)
        or any(linked.effects.of(scope) & ~Effect.SLOW for scope in module.scope.functions())
        or _opens(module, linked)
    )


def _opens(module: Module, linked: Linked) -> bool:
    return any(
        linked.program.external(call.path, scope) in OPENERS
        for scope in module.scope.functions()
        for call in scope.calls
    )


def _is_concurrent(modules: Sequence[Module]) -> bool:
    return any(
        _BESIDE.match(target)
        for module in modules
        if module.role == "production"
        for target in module.imports.values()
    )
