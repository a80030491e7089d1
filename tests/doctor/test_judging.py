"""Judgements on facts that a test machine cannot have, and how a diagnosis is told."""

import dataclasses
import json
import os
import re
import sqlite3
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from hardlite import (
    Checkout,
    ConfigurationError,
    Holder,
    LockHolders,
    UnsupportedDatabaseError,
    doctor,
)
from hardlite.call_sites import CallSite
from hardlite.clock import system_clock
from hardlite.doctor import Diagnosis, Finding, Severity, diagnose, diagnosis_page
from hardlite.doctor.examination import judge
from hardlite.doctor.facts import EngineFacts, Facts, gather
from hardlite.doctor.open_files import who_has_open
from tests.doctor.conftest import ENVIRONMENT, run

Change = Callable[[Facts], Facts]


def error(code: int) -> sqlite3.Error:
    made = sqlite3.OperationalError("no")
    made.sqlite_errorcode = code
    return made


def beside(facts: Facts, mode: int, uid: int) -> Facts:
    values = list(facts.files[""])
    values[0], values[4] = mode, uid
    return dataclasses.replace(facts, files={**facts.files, "-wal": os.stat_result(values)})


def with_error(facts: Facts, code: int) -> Facts:
    return dataclasses.replace(facts, error=error(code), content=None)


def kept(facts: Facts) -> Facts:
    checkout = Checkout(
        thread="thread 'x'", held=90.0, site=CallSite("app.py", 7, "report"), leaked=False
    )
    engine = EngineFacts(
        hardened=True, pragmas=None, pool=None, checkouts=(checkout,), trouble=None
    )
    return dataclasses.replace(facts, engine=engine)


CHANGES: dict[str, Change] = {
    "file-read-only": lambda facts: dataclasses.replace(facts, may_write_file=False),
    "directory-read-only": lambda facts: dataclasses.replace(facts, may_write_directory=False),
    "network-filesystem": lambda facts: dataclasses.replace(
        facts, on_network=True, filesystem="nfs4"
    ),
    "disk-nearly-full": lambda facts: dataclasses.replace(facts, free=1_000_000),
    "cannot-open": lambda facts: with_error(facts, sqlite3.SQLITE_CANTOPEN),
    "damaged": lambda facts: with_error(facts, sqlite3.SQLITE_IOERR_READ),
    "rights-differ": lambda facts: beside(facts, 0o100644, facts.files[""].st_uid + 1),
    "connection-kept-long": kept,
}


@pytest.fixture
def facts(wal_db: Path) -> Facts:
    """What is seen of a good database."""
    return gather(str(wal_db), str(wal_db), check="full", clock=system_clock)


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_fact_is_found(facts: Facts, name: str) -> None:
    facts = dataclasses.replace(facts, free=10**12, filesystem="ext4")

    before, after = judge(facts), judge(CHANGES[name](facts))

    assert name not in {finding.name for finding in before.findings}
    assert name in {finding.name for finding in after.findings}


def test_an_error_that_says_nothing_of_the_file_is_no_finding(facts: Facts) -> None:
    found = judge(with_error(facts, sqlite3.SQLITE_NOMEM))

    assert {finding.name for finding in found.findings} <= ENVIRONMENT


@pytest.mark.parametrize("group", [0o020, 0o002])
def test_another_owner_is_none_where_the_rights_are_shared(facts: Facts, group: int) -> None:
    shared = beside(facts, 0o100644 | group, facts.files[""].st_uid + 1)

    assert "rights-differ" not in {finding.name for finding in judge(shared).findings}


def test_nothing_is_said_of_a_journal_that_is_not_known(facts: Facts) -> None:
    blind = judge(dataclasses.replace(facts, headers=None))

    assert {finding.name for finding in blind.findings} <= ENVIRONMENT
    assert dict(blind.facts)["journal"] == "not known"


@pytest.mark.parametrize(("version", "affected"), [((3, 51, 2), True), ((3, 51, 3), False)])
def test_a_sqlite_with_the_wal_reset_bug_is_told(
    facts: Facts, version: tuple[int, int, int], *, affected: bool
) -> None:
    driver = dataclasses.replace(facts.driver, version=version)

    found = judge(dataclasses.replace(facts, driver=driver))

    assert ("wal-reset-bug" in {each.name for each in found.findings}) is affected


def test_writers_that_come_and_go_are_no_finding(facts: Facts) -> None:
    looks = tuple(
        LockHolders(path=facts.file, writer=None if pid is None else Holder(pid=pid))
        for pid in (7, None, 8)
    )

    found = judge(dataclasses.replace(facts, looks=looks))

    assert "writer-without-turn" not in {each.name for each in found.findings}


def test_what_could_not_be_asked_is_noted(
    wal_db: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from hardlite.doctor import facts as module

    nothing = who_has_open(str(wal_db), tmp_path / "none")
    monkeypatch.setattr(module, "read_headers", lambda _: None)
    monkeypatch.setattr(module, "who_has_open", lambda _: nothing)

    notes = diagnose(wal_db).notes

    assert any("first bytes" in note for note in notes)
    assert any("run it as root" in note for note in notes)
    assert any("content was not looked at" in note for note in notes)


def test_processes_that_may_not_be_asked_are_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "fd").write_text("no directory", encoding="utf-8")
    (tmp_path / "3" / "fd").mkdir(parents=True)
    (tmp_path / "3" / "fd" / "0").write_text("no link", encoding="utf-8")

    found = who_has_open("/srv/app.db", tmp_path)

    assert (found.users, found.of_deleted, found.complete) == ((), (), False)


def test_without_a_check_no_table_is_looked_at(wal_db: Path) -> None:
    run(wal_db, "INSERT INTO child VALUES (2, 99)")

    assert diagnose(wal_db, check="none").ok
    assert not diagnose(wal_db, check="quick").ok


def test_what_an_engine_holds_is_among_the_facts(wal_db: Path) -> None:
    engine = create_engine(f"sqlite:///{wal_db}")
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")

    found = diagnose(engine)
    engine.dispose()

    assert "busy_timeout=5000" in dict(found.facts)["pragmas"]
    assert not any("cannot be seen from outside" in note for note in found.notes)


def finding(severity: Severity, name: str = "fault") -> Finding:
    return Finding(
        name=name,
        severity=severity,
        category="Data",
        location="here",
        problem="It is <broken>.",
        impact="It fails.",
        confidence="High",
        verify="Look.",
        fix="Mend it.",
        trade_off="None.",
    )


def diagnosis(*findings: Finding) -> Diagnosis:
    return Diagnosis(path="/srv/app.db", facts=(), findings=findings, notes=("a <note>",))


@pytest.mark.parametrize(
    ("severities", "score"),
    [
        ("", 10),
        ("o", 9),
        ("m", 8),
        ("mmo", 8),
        ("h", 7),
        ("hhm", 6),
        ("c", 4),
        ("ch", 3),
        ("cc", 3),
        ("cch", 2),
        ("cccch", 1),
    ],
)
def test_the_score_follows_the_worst_findings(severities: str, score: int) -> None:
    by_letter = {
        "c": Severity.CRITICAL,
        "h": Severity.HIGH,
        "m": Severity.MEDIUM,
        "o": Severity.MONITOR,
    }

    found = diagnosis(*(finding(by_letter[letter]) for letter in severities))

    assert found.score == score
    assert found.ok is (set(severities) <= {"o"})


def test_without_wal_two_grave_findings_are_a_five() -> None:
    assert diagnosis(finding(Severity.HIGH, "not-wal"), finding(Severity.HIGH)).score == 5


def test_it_is_told_as_text_with_a_plan() -> None:
    found = diagnosis(
        finding(Severity.HIGH, "one"),
        finding(Severity.HIGH, "two"),
        finding(Severity.MEDIUM, "three"),
        finding(Severity.MONITOR, "four"),
    )

    lines = found.summary().splitlines()

    assert lines[0] == "/srv/app.db: readiness 6 of 10, 4 findings."
    assert "[HIGH] one (Data)" in lines
    assert "  Impact: It fails. Confidence: High." in lines
    assert "First: one, two, three" in lines
    assert lines[-4:-1] == ["Fix now: one, two", "Fix soon: three", "Monitor: four"]
    assert lines[-1] == "note: a <note>"
    assert diagnosis().summary() == "/srv/app.db: readiness 10 of 10, no findings.\nnote: a <note>"
    assert diagnosis(finding(Severity.HIGH)).verdict().endswith("1 finding.")


def test_it_is_plain_values_for_json() -> None:
    told = json.loads(json.dumps(diagnosis(finding(Severity.HIGH)).to_dict()))

    assert (told["schema"], told["score"], told["ok"]) == ("hardlite.doctor/1", 7, False)
    assert told["findings"][0].keys() == {field.name for field in dataclasses.fields(Finding)}
    assert told["first"] == ["fault"]


class Text(HTMLParser):
    """Keeps the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_all_of_it_and_nothing_to_load() -> None:
    page = diagnosis_page(diagnosis(finding(Severity.CRITICAL)))

    assert "<broken>" in Text(page).text
    assert "a <note>" in Text(page).text
    assert "<broken>" not in page
    assert "Readiness 4 of 10, 1 finding." in Text(page).text
    assert "src=" not in page
    assert "Readiness 10 of 10, no findings." in Text(diagnosis_page(diagnosis())).text


def test_what_names_no_database_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no database"):
        diagnose(tmp_path / "none.db")
    with pytest.raises(UnsupportedDatabaseError):
        diagnose("postgresql://host/app")


def test_every_finding_stands_in_the_reference_with_its_severity() -> None:
    sources = Path(doctor.__file__).parent.glob("*.py")
    text = "".join(source.read_text(encoding="utf-8") for source in sources)
    names = set(re.findall(r'name="([a-z-]+)"', text))
    names |= {"leaked-connection", "connection-kept-long"}
    names |= {
        f"pragma-{name.replace('_', '-')}" for name in re.findall(r'pragma="([a-z_]+)"', text)
    }
    page = Path(__file__).parents[2] / "docs" / "reference" / "doctor.md"
    told = set(
        re.findall(r"^\| `([a-z-]+)` \| [A-Z]", page.read_text(encoding="utf-8"), re.MULTILINE)
    )

    assert told == names
    assert len(names) >= 25
