"""The examples in docstrings are run."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import hardlite
from tests.fixtures.databases import close_databases

CLI = "hardlite.cli"
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(hardlite.__path__, "hardlite.", onerror=lambda _name: None)
    if not module.name.endswith("__main__") and not module.name.startswith(CLI)
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_a_module_give_what_they_show(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)

    found = doctest.DocTestFinder().find(importlib.import_module(name))
    for test in filter(lambda test: test.examples, found):
        runner.run(test, clear_globs=False)
        close_databases(test.globs)

    assert not runner.failures
