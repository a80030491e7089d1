"""The audit of a program: read, link, look closely, judge."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hardlite.audit.catalogue import Effect
from hardlite.audit.code import RULES
from hardlite.audit.code.hle0 import unreadable
from hardlite.audit.databases import OPENERS, Databases, Resource
from hardlite.audit.effects import Effects
from hardlite.audit.facts import Module, Scope
from hardlite.audit.files import Unreadable, find, parsed, read
from hardlite.audit.finding import Finding, Severity
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
    """

    findings: Sequence[Finding]
    files: int


def audit(paths: Sequence[Path], *, exclude: Sequence[str] = ()) -> Audited:
    """Audit the Python files below some paths.

    Args:
        paths: files and directories.
        exclude: patterns of files to leave out.
    """
    files = list(find(paths, exclude))
    sources = {shown: path for path, shown in files if path.suffix == ".py"}
    facts = list(read((path, shown) for shown, path in sources.items()))
    modules = [each for each in facts if isinstance(each, Module)]
    resources = [
        Resource(path=shown, text=path.read_text(encoding="utf-8", errors="replace"))
        for path, shown in files
        if shown not in sources
    ]
    findings = [unreadable(each) for each in facts if isinstance(each, Unreadable)]
    findings += _inspect(modules, resources, sources)
    findings.sort(key=lambda f: (f.path, f.line, f.rule))
    return Audited(findings=findings, files=len(sources))


def _inspect(
    modules: list[Module], resources: Sequence[Resource], sources: dict[str, Path]
) -> Iterator[Finding]:
    program = Program(modules)
    program.link()
    databases = Databases(program, resources)
    effects = Effects(program, orm=databases.orm)
    concerned = [m for m in modules if m.role != "test" and _concerns(m, program, effects)]
    linked = Linked(
        program=program, effects=effects, databases=databases, concurrent=_is_concurrent(modules)
    )
    for module in concerned:
        if not any(_opens(scope, program) for scope in module.scope.functions()):
            continue
        unit = Unit.of(parsed(sources[module.path], module.path), module, linked)
        for function in unit.functions:
            for call in function.calls():
                databases.add(call, function.scope)
    for module in concerned:
        unit = Unit.of(parsed(sources[module.path], module.path), module, linked)
        for rule in RULES.values():
            for finding in rule.check(unit):
                yield _weighed(finding, module, linked)


def _weighed(finding: Finding, module: Module, linked: Linked) -> Finding:
    """What nothing runs beside does not matter more than MONITOR."""
    if module.role in _INNER or linked.databases.has_one_writer:
        return dataclasses.replace(finding, severity=Severity.MONITOR)
    return finding


def _concerns(module: Module, program: Program, effects: Effects) -> bool:
    """Say whether a rule could find anything in a file."""
    scopes = list(module.scope.functions())
    return (
        any(target.startswith("alembic") for target in module.imports.values())
        or any("pragma" in text.lower() or _A_FILE.search(text) for _, text in module.texts)
        or any(effects.of(scope) & ~Effect.SLOW or _opens(scope, program) for scope in scopes)
    )


def _opens(scope: Scope, program: Program) -> bool:
    return any(program.external(call.path, scope) in OPENERS for call in scope.calls)


def _is_concurrent(modules: Sequence[Module]) -> bool:
    return any(
        _BESIDE.match(target)
        for module in modules
        if module.role == "production"
        for target in module.imports.values()
    )
