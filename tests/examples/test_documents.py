"""The application of examples/documents: what it promises, one part at a time."""

import asyncio
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from documents.app import make_app
from documents.claims import Claimed, ClaimLostError, any_claimable, claim, keep_checkpoint
from documents.database import Database
from documents.figures import Figures
from documents.files import Files
from documents.progress import ProgressWriter
from documents.schema import Checkpoint, Document, Progress, State, Worker
from documents.settings import Settings
from documents.stages import STAGES, DamagedFileError, read_sections
from documents.writes import RefusedWriteError, Writes
from fastapi.testclient import TestClient
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

EXAMPLE = Path(__file__).parents[2] / "examples" / "documents"
KEY = {"Idempotency-Key": "12345678"}


def add_documents(database: Database, count: int) -> None:
    with database.writer() as session:
        session.add_all(
            Document(key=str(n), name="n", file=str(n), size=1, sha256="", uploaded=0.0)
            for n in range(count)
        )


def claimed_by(database: Database, worker: str, now: float, most: int = 9) -> list[Claimed]:
    with database.writer() as session:
        return list(claim(session, worker, now=now, lease=10, most=most))


def checkpoint(database: Database, worker: str, document: int, stage: int) -> None:
    with database.writer() as session:
        keep_checkpoint(
            session, worker, document, stage=stage, result="{}", last=False, now=0.0, lease=10
        )


def kept_files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "files").iterdir())


def test_a_document_goes_through_all_stages(settings: Settings) -> None:
    with TestClient(make_app(settings)) as client:
        answer = client.post("/documents?name=a.txt", content=b"One two. One three.", headers=KEY)
        path = f"/documents/{answer.json()['id']}"
        while client.get(path).json()["state"] == State.OPEN:
            pass
        found = client.get(path).json()

    assert (answer.status_code, found["state"]) == (201, State.DONE)
    assert list(found["results"]) == [stage.name for stage in STAGES]
    assert '"one": 2' in found["results"]["count"]


def test_an_upload_that_is_sent_again_is_the_same_document(
    settings: Settings, tmp_path: Path
) -> None:
    with TestClient(make_app(settings)) as client:
        first = client.post("/documents?name=a.txt", content=b"One.", headers=KEY)
        again = client.post("/documents?name=a.txt", content=b"One.", headers=KEY)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(kept_files(tmp_path)) == 1


@pytest.mark.parametrize(("content", "status"), [(b"", 422), (b"x" * 1_001, 413)])
def test_what_is_refused_leaves_no_file(
    settings: Settings, tmp_path: Path, content: bytes, status: int
) -> None:
    with TestClient(make_app(settings)) as client:
        answer = client.post("/documents?name=a.txt", content=content, headers=KEY)

    assert answer.status_code == status
    assert kept_files(tmp_path) == []


def test_a_file_is_on_the_disk_under_its_name_before_its_row_is_written(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    replace, fsync = Path.replace, os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (happened.append("fsync"), fsync(number))[1])
    monkeypatch.setattr(
        Path, "replace", lambda own, to: (happened.append("rename"), replace(own, to))[1]
    )

    app = make_app(settings)
    with TestClient(app) as client:

        @event.listens_for(app.state.database.writing_engine, "before_cursor_execute")
        def note_insert(_: Any, __: Any, statement: str, *___: Any) -> None:  # noqa: ANN401
            if statement.startswith("INSERT INTO document"):
                happened.append("row")

        client.post("/documents?name=a.txt", content=b"One.", headers=KEY)

    assert happened == ["fsync", "rename", "fsync", "row"]


def test_what_crashes_left_is_removed_when_it_is_old_and_has_no_row(tmp_path: Path) -> None:
    files = Files(tmp_path / "files", 10)
    files.prepare()
    for name in ("known", "left", "under-way.part"):
        files.path(name).write_bytes(b"x")
    for name in ("known", "left"):
        os.utime(files.path(name), (0, 0))

    assert files.sweep({"known"}) == 1
    assert kept_files(tmp_path) == ["known", "under-way.part"]


def test_a_file_that_changed_is_not_worked_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"another")

    with pytest.raises(DamagedFileError):
        read_sections(tmp_path / "file", "0" * 64)


def test_a_document_that_fails_is_left_alone_with_its_problem(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("documents.pipeline.read_sections", lambda *_: 1 / 0)
    with TestClient(make_app(settings)) as client:
        number = client.post("/documents?name=a.txt", content=b"One.", headers=KEY).json()["id"]
        while client.get("/documents").json()["open"]:
            pass

        assert client.get(f"/documents/{number}").json()["state"] == State.FAILED


def test_two_workers_never_claim_the_same_document(opened: Callable[[], Any]) -> None:
    async def main() -> None:
        async with opened() as database:
            add_documents(database, 30)
            with ThreadPoolExecutor(10) as threads:
                taken = list(
                    threads.map(
                        lambda n: claimed_by(database, f"worker {n}", 100.0, most=4), range(10)
                    )
                )
            assert sorted(one.id for some in taken for one in some) == list(range(1, 31))

    asyncio.run(main())


def test_a_claim_without_a_sign_of_life_is_taken_over_and_its_worker_keeps_nothing(
    opened: Callable[[], Any],
) -> None:
    async def main() -> None:
        async with opened() as database:
            add_documents(database, 1)
            (first,) = claimed_by(database, "slow", 100.0)
            checkpoint(database, "slow", first.id, 0)
            async with database.reader() as session:
                assert not await any_claimable(session, 9.0)
                assert await any_claimable(session, 11.0)
            (taken,) = claimed_by(database, "other", 111.0)

            assert taken.stage == 1
            with pytest.raises(ClaimLostError):
                checkpoint(database, "slow", first.id, 1)
            checkpoint(database, "other", taken.id, 1)
            with pytest.raises(ClaimLostError):
                checkpoint(database, "other", taken.id, 1)
            async with database.reader() as session:
                kept = (await session.execute(select(Checkpoint.stage, Checkpoint.worker))).all()
            assert [tuple(row) for row in kept] == [(0, "slow"), (1, "other")]

    asyncio.run(main())


def test_progress_of_any_number_of_sections_is_one_commit(opened: Callable[[], Any]) -> None:
    async def main() -> None:
        async with opened() as database:
            add_documents(database, 3)
            writes = Writes(database, Figures(None))
            progress = ProgressWriter(writes, database.writing_engine, "worker", lease=10)
            commits = counted_commits(database)
            for section in range(100):
                for document in (1, 2, 3):
                    progress.begin(document)
                    progress.tell(document, 0, section / 100)
            async with writes.running():
                await progress.flush()

            assert len(commits) == 1
            async with database.reader() as session:
                assert (await session.scalars(select(Progress.share))).all() == [0.99] * 3
                assert await session.scalar(select(func.count(Worker.name))) == 1

    asyncio.run(main())


def counted_commits(database: Database) -> list[object]:
    commits: list[object] = []
    event.listen(database.writing_engine, "commit", commits.append)
    return commits


def test_writes_at_once_share_commits_and_each_has_its_own_result(
    opened: Callable[[], Any],
) -> None:
    async def main() -> None:
        async with opened() as database:
            add_documents(database, 1)
            writes = Writes(database, Figures(None))

            def answer(session: Session, number: int) -> int:
                if number == 7:
                    raise RefusedWriteError
                return number + len(session.scalars(select(Document.id)).all())

            commits = counted_commits(database)
            async with writes.running():
                answers = await asyncio.gather(
                    *(writes.write("x", lambda s, n=n: answer(s, n)) for n in range(20)),
                    return_exceptions=True,
                )

            assert len(commits) == 1
            assert isinstance(answers.pop(7), RefusedWriteError)
            assert answers == [n + 1 for n in range(20) if n != 7]

    asyncio.run(main())


def test_a_write_that_breaks_a_rule_takes_no_other_along(opened: Callable[[], Any]) -> None:
    async def main() -> None:
        async with opened() as database:
            writes = Writes(database, Figures(None))

            def add(session: Session, key: str) -> None:
                session.add(Document(key=key, name="n", file=key, size=1, sha256="", uploaded=0.0))

            async with writes.running():
                answers = await asyncio.gather(
                    *(writes.write("x", lambda s, key=key: add(s, key)) for key in "abcab"),
                    return_exceptions=True,
                )

            assert [type(answer) for answer in answers].count(IntegrityError) == 2
            async with database.reader() as session:
                assert (await session.scalars(select(Document.key))).all() == ["a", "b", "c"]

    asyncio.run(main())


def test_every_module_has_its_line_in_the_readme() -> None:
    told = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    modules = {path.name for path in EXAMPLE.glob("*.py")} - {"__init__.py"}

    assert modules - set(re.findall(r"`(\w+\.py)`", told)) == {
        name for name in modules if name.startswith("load_")
    }
