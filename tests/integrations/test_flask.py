"""What a program with Flask answers when its database is locked, and about its health."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import flask
import pytest
from sqlalchemy import text

from hardlite import ConfigurationError, MissingExtraError, create_hardened_engine, get_sessionmaker
from hardlite.integrations.flask import handle_locks, health_blueprint
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import keeper, needs_proc


def test_a_lock_is_answered_with_503_and_the_next_request_goes_on(
    make_engine: EngineFactory, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine()
    app = flask.Flask("notes")
    handle_locks(app, retry_after=2)

    @app.post("/notes")
    def add() -> str:
        with get_sessionmaker(engine).writer(timeout=0) as session:
            session.execute(text("CREATE TABLE note (words TEXT)"))
        return "added"

    with get_sessionmaker(make_engine()).writer(), ThreadPoolExecutor(1) as thread:
        answer = thread.submit(app.test_client().post, "/notes").result()

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "/notes was answered with 503: database is locked" in caplog.text
    assert app.test_client().post("/notes").text == "added"


@needs_proc
def test_health_is_200_or_503_with_who_has_the_lock(
    make_engine: EngineFactory, db_path: Path
) -> None:
    engine = make_engine()
    engine.connect().close()
    app = flask.Flask("notes")
    app.register_blueprint(health_blueprint(engine, path="/ready"))

    good = app.test_client().get("/ready")
    with keeper(db_path, "c = connect(); c.execute('BEGIN IMMEDIATE'); hold()") as child:
        locked = app.test_client().get("/ready")

    assert (good.status_code, good.get_json()["ok"]) == (200, True)
    assert (locked.status_code, locked.get_json()["holder"]["pid"]) == (503, child.pid)


def test_the_engine_of_flask_sqlalchemy_is_found(make_engine: EngineFactory) -> None:
    engine = make_engine()
    engine.connect().close()
    app = flask.Flask("notes")
    # What Flask-SQLAlchemy puts there has an attribute of that name; tests/clients has the real one.
    app.extensions["sqlalchemy"] = type("Extension", (), {"engine": engine})
    app.register_blueprint(health_blueprint())

    assert app.test_client().get("/health/database").status_code == 200


def test_a_database_in_memory_has_no_health() -> None:
    with pytest.raises(ConfigurationError, match="in memory"):
        health_blueprint(create_hardened_engine("sqlite://"))


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flask", None)

    with pytest.raises(MissingExtraError, match=r"hardlite\[flask\]"):
        health_blueprint()
