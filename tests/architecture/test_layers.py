"""The direction of imports: read `ORDER` from top to bottom and you have the architecture."""

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "hardlite"

ORDER = """
errors
call_sites clock coroutines database_names filesystems log_events profile readable result_codes
turns
lock_holders
connections
checkouts wal_reset execution_options fair_pool pragmas engine plugin
metrics
retry retry_policy sessions
resume
pages
reports
inserts
rows
imports
inspection
doctor
sources
aio
operations
integrations
demo
audit
cli
"""
"""Modules and packages of hardlite; each may import those that stand before it, no others."""

ORDER_WITHIN = {
    "turns": """
        holder gate_note figures
        file_locks tickets turn_files claims
        turn waiting telling gate gate_registry hold_watch
    """,
    "connections": """
        drivers one_library file_identity inherited
        statements transactions
        locked write_lock translation awaited
        table_rebuild commit_tally transaction_owner
        cursor connection
    """,
    "resume": """
        import_claim resume_points
        beginning progress resuming
    """,
    "reports": """
        constraints rejections reasons
        spill_file rejection_log
        batch_results report
    """,
    "inserts": """
        insert_target update_tally
        column_processors bound_rows driver_insert
        faults foreign_keys refusals foreseen_rows good_rows insert_result fast_insert
    """,
    "rows": """
        plain_values arrow_values
        arrow_rows pandas_rows polars_rows
        item_sources
    """,
    "imports": """
        rejecting kept_errors progress_bar
        batch_size preparing collecting
        batch_units batch_writer arguments
        running batches
    """,
    "aio": """
        engine sessions
        awaiting items preparing batches
    """,
    "inspection": """
        sizes headers reading
        counting effective pools totals
    """,
    "doctor": """
        finding open_files database_content facts
        access journal locks content connections
        diagnosis page examination
    """,
    "operations": """
        content opening copying manifest backup_files own_turn
        backup verify
        in_use rewriting restore
        checkpoint upkeep maintenance
        single_instance lock_timeline
        status_report status health
    """,
}
"""The same within a package; what goes on inside of another one is its own affair."""

PLACES = {name: place for place, name in enumerate(ORDER.split())}
PLACES_WITHIN = {
    package: {name: place for place, name in enumerate(order.split())}
    for package, order in ORDER_WITHIN.items()
}
RIM = {"__init__", "__main__"}
"""They hand out what the others make, so they may import anything but each other."""

OUTSIDE_THE_CORE = {
    "demo": {"rich"},
    "cli": {"rich", "typer"},
    # pytest loads its plugin, and nothing else does.
    "integrations": {"pytest"},
}
"""What a module may import as it is loaded, besides SQLAlchemy and the standard library."""


def name_of(path: Path) -> str:
    """The module's name as `ORDER` has it."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


SOURCES = sorted(PACKAGE.rglob("*.py"))
PLACED = [path for path in SOURCES if name_of(path) not in RIM]


def label(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """Walk the tree, leaving out what only type checkers read: annotations load nothing."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from (part for other in child.orelse for part in at_run_time(other))
        else:
            yield child
            yield from at_run_time(child)


def imported_by(path: Path, *, lazily: bool) -> set[str]:
    """Absolute names of what a module imports, with or without the imports inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(at_run_time(tree))
    if not lazily:
        inside = {
            part
            for node in nodes
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for part in ast.walk(node)
        }
        nodes = [node for node in nodes if node not in inside]
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = path.relative_to(PACKAGE.parent).with_suffix("").parts[: -node.level or None]
            start = [*parents] if node.level else []
            source = ".".join([*start, *([node.module] if node.module else [])])
            names.update(f"{source}.{alias.name}" for alias in node.names)
    return names


def own_modules(path: Path) -> set[str]:
    """Which entries of `ORDER`, or which names of the top level, a module imports."""
    names = imported_by(path, lazily=True)
    return {name.split(".")[1] for name in names if name.startswith("hardlite.")}


def modules_of(package: str, path: Path) -> set[str]:
    """Which modules of its own package a module imports."""
    names = imported_by(path, lazily=True)
    return {name.split(".")[2] for name in names if name.startswith(f"hardlite.{package}.")}


def foreign_packages(path: Path, *, lazily: bool) -> set[str]:
    """Third-party packages that a module imports."""
    tops = {name.split(".")[0] for name in imported_by(path, lazily=lazily)}
    return tops - sys.stdlib_module_names - {"hardlite"}


def packages_of_extras() -> set[str]:
    """The packages that pyproject.toml offers as extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    return {
        requirement.split(">=")[0].removesuffix("-api").replace("-", "_")
        for extra in extras
        for requirement in extra
    }


@pytest.mark.parametrize("path", PLACED, ids=label)
def test_every_module_has_its_place_in_the_order(path: Path) -> None:
    assert name_of(path) in PLACES


@pytest.mark.parametrize("path", PLACED, ids=label)
def test_a_module_imports_only_what_stands_before_it(path: Path) -> None:
    own = name_of(path)

    wrong = {
        other
        for other in own_modules(path) - {own}
        if PLACES.get(other, len(PLACES)) >= PLACES[own]
    }

    assert not wrong


@pytest.mark.parametrize("package", PLACES_WITHIN)
def test_every_module_of_a_package_has_its_place_in_the_packages_order(package: str) -> None:
    modules = {path.stem for path in (PACKAGE / package).glob("*.py")} - RIM

    assert modules == PLACES_WITHIN[package].keys()


@pytest.mark.parametrize("package", PLACES_WITHIN)
def test_a_module_of_a_package_imports_only_what_stands_before_it_there(package: str) -> None:
    places = PLACES_WITHIN[package]

    wrong = {
        (own, other)
        for own in places
        for other in modules_of(package, PACKAGE / package / f"{own}.py") - {own}
        if places.get(other, len(places)) >= places[own]
    }

    assert not wrong


@pytest.mark.parametrize("path", PLACED, ids=label)
def test_loading_a_module_needs_sqlalchemy_and_the_standard_library_alone(path: Path) -> None:
    allowed = {"sqlalchemy"} | OUTSIDE_THE_CORE.get(name_of(path), set())

    assert foreign_packages(path, lazily=False) <= allowed


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_what_functions_import_is_offered_as_an_extra(path: Path) -> None:
    assert foreign_packages(path, lazily=True) <= {"sqlalchemy"} | packages_of_extras()


LOADED_BY_IMPORT = """
import json, sys
import sqlalchemy.orm, sqlalchemy.dialects.sqlite
before = set(sys.modules)
import hardlite
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_importing_hardlite_costs_what_importing_sqlalchemy_costs() -> None:
    """No extra is loaded, nor the parts of the standard library that only a program needs."""
    run = subprocess.run(
        [sys.executable, "-c", LOADED_BY_IMPORT], capture_output=True, encoding="utf-8", check=True
    )
    loaded = set(json.loads(run.stdout))

    foreign = {name.split(".")[0] for name in loaded} - sys.stdlib_module_names
    assert foreign <= {"hardlite", "sqlalchemy"}
    assert not loaded & {"argparse", "hardlite.cli", "hardlite.demo", "multiprocessing"}
