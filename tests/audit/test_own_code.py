"""The audit of hardlite itself."""

from pathlib import Path

from hardlite.audit import Severity, audit

ROOT = Path(__file__).parents[2]


def test_hardlite_and_its_examples_have_no_finding_above_monitor() -> None:
    audited = audit([ROOT / "src" / "hardlite", ROOT / "examples"])

    above = [(f.rule, f.path, f.line) for f in audited.findings if f.severity > Severity.MONITOR]
    assert not above
    assert audited.files > 100
