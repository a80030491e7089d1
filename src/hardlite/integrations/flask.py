"""For programs with Flask: a lock is answered with 503 and Retry-After, and health with the holder.

With Flask-SQLAlchemy, ``?plugin=hardlite`` in ``SQLALCHEMY_DATABASE_URI`` does the rest: its sessions live
in the thread of their request, and the endpoint commits them.
"""

from typing import TYPE_CHECKING, cast

from sqlalchemy.engine import Engine

from hardlite.errors import DatabaseLockedError, MissingExtraError
from hardlite.integrations.web_answers import WebAnswer, health_answer, locked_answer
from hardlite.lock_holders.target import file_named

if TYPE_CHECKING:
    from flask import Blueprint, Flask, Response

__all__ = ["handle_locks", "health_blueprint"]


def handle_locks(app: "Flask", *, retry_after: int = 1) -> None:
    """Let a program answer a `DatabaseLockedError` with 503 and Retry-After.

    Who has the lock is logged by ``hardlite.web``, and not told to the client.

    Args:
        app: the program.
        retry_after: seconds that the client is asked to wait.

    >>> from flask import Flask
    >>> handle_locks(Flask("shop"), retry_after=2)
    """

    def answer(error: DatabaseLockedError) -> "Response":
        from flask import request

        return _sent(locked_answer(error, request.path, retry_after))

    app.register_error_handler(DatabaseLockedError, answer)


def health_blueprint(
    engine: Engine | None = None, *, path: str = "/health/database"
) -> "Blueprint":
    """Return what answers whether the database can be written: 200, or 503 with the holder.

    It tells of processes and lines of code, so strangers should not get to it.

    Args:
        engine: on a file; the one of Flask-SQLAlchemy if left out.
        path: where.

    Raises:
        MissingExtraError: Flask is not installed.
        ConfigurationError: the engine's database is one in memory.

    >>> from flask import Flask
    >>> from hardlite import create_hardened_engine
    >>> app = Flask("shop")
    >>> app.register_blueprint(health_blueprint(create_hardened_engine("sqlite:///app.db")))
    """
    try:
        from flask import Blueprint, current_app
    except ModuleNotFoundError:
        raise MissingExtraError("flask", "hardlite.integrations.flask") from None
    if engine is not None:
        file_named(engine)
    blueprint = Blueprint("hardlite_health", __name__)

    def database_health() -> "Response":
        asked = engine or cast("Engine", current_app.extensions["sqlalchemy"].engine)
        return _sent(health_answer(asked))

    blueprint.add_url_rule(path, view_func=database_health)
    return blueprint


def _sent(told: WebAnswer) -> "Response":
    from flask import jsonify

    response = jsonify(told.body)
    response.status_code = told.status
    response.headers.update(told.headers)
    return response
