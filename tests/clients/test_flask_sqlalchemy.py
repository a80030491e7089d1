"""Flask-SQLAlchemy: an application factory that gets its URL from the configuration."""

import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest

from hardlite.connections.connection import HardenedConnection
from hardlite.integrations.flask import handle_locks, health_blueprint

flask = pytest.importorskip("flask")
flask_sqlalchemy = pytest.importorskip("flask_sqlalchemy")

THREADS = 8
REQUESTS = 25


def create_app(url: str, home: Path) -> flask.Flask:
    """Make an application as Flask's tutorial does; `db` is at `app.extensions["sqlalchemy"]`."""
    app = flask.Flask("notes", instance_path=str(home))
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db = flask_sqlalchemy.SQLAlchemy(app)

    class Note(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        body = db.Column(db.Text, nullable=False)

    @app.post("/notes/<body>")
    def add(body: str) -> dict[str, int]:
        before = db.session.query(Note).count()
        db.session.add(Note(body=body))
        db.session.commit()
        return {"before": before, "id": db.session.query(Note).filter_by(body=body).one().id}

    @app.get("/notes")
    def bodies() -> list[str]:
        return [note.body for note in db.session.query(Note)]

    with app.app_context():
        db.create_all()
    return app


def stop(app: flask.Flask) -> None:
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def notes_from_threads(app: flask.Flask) -> tuple[list[int], list[str]]:
    """Post notes from several threads; return all answers' statuses, and the notes kept."""
    start = threading.Barrier(THREADS)
    statuses: list[int] = []

    def browse(thread: int) -> None:
        client = app.test_client()
        start.wait()
        statuses.extend(
            client.post(f"/notes/{thread}-{number}").status_code for number in range(REQUESTS)
        )

    threads = [threading.Thread(target=browse, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses, app.test_client().get("/notes").get_json()


def test_a_path_relative_to_the_instance_folder_is_hardened(
    tmp_path: Path, opened: list[type[sqlite3.Connection]]
) -> None:
    app = create_app("sqlite:///notes.db?plugin=hardlite", tmp_path)
    with app.app_context():
        db = app.extensions["sqlalchemy"]
        journal = db.session.execute(db.text("PRAGMA journal_mode")).scalar()
        enforced = db.session.execute(db.text("PRAGMA foreign_keys")).scalar()
    stop(app)

    assert (journal, enforced) == ("wal", 1)
    assert (tmp_path / "notes.db").exists()
    assert set(opened) == {HardenedConnection}


def test_a_database_in_memory_is_shared_by_the_requests(
    tmp_path: Path, opened: list[type[sqlite3.Connection]]
) -> None:
    app = create_app("sqlite://?plugin=hardlite", tmp_path)
    assert app.test_client().post("/notes/one").status_code == 200
    assert app.test_client().get("/notes").get_json() == ["one"]
    stop(app)

    assert opened == [HardenedConnection]


def test_its_engine_is_the_one_whose_health_is_told_and_whose_locks_are_answered(
    tmp_path: Path,
) -> None:
    app = create_app("sqlite:///notes.db?plugin=hardlite&hardlite_timeout=0", tmp_path)
    handle_locks(app)
    app.register_blueprint(health_blueprint())
    with contextlib.closing(sqlite3.connect(tmp_path / "notes.db")) as other:
        healthy = app.test_client().get("/health/database").status_code
        other.execute("BEGIN IMMEDIATE")
        locked = app.test_client().post("/notes/one")
    stop(app)

    assert (healthy, locked.status_code) == (200, 503)


def test_requests_from_threads_lose_nothing_that_a_plain_url_wins(
    tmp_path: Path, url: str, plain_url: str
) -> None:
    apps = [create_app(plain_url, tmp_path), create_app(url, tmp_path)]
    (_, plain), (statuses, hardened) = [notes_from_threads(app) for app in apps]
    for app in apps:
        stop(app)

    assert statuses == [200] * (THREADS * REQUESTS)
    assert len(set(hardened)) == THREADS * REQUESTS
    assert len(plain) <= len(hardened)
