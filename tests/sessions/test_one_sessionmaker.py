"""An engine has one sessionmaker, and no other engine can be taken for it."""

import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from hardlite import create_hardened_engine, get_sessionmaker
from hardlite.errors import ConfigurationError, SessionmakerConflictError
from hardlite.sessions import sessionmaker_of
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.databases import EngineFactory


def test_every_call_returns_the_same_object(engine: Engine) -> None:
    assert get_sessionmaker(engine) is get_sessionmaker(engine)


def test_threads_that_ask_at_once_get_the_same_object(engine: Engine) -> None:
    """They meet where each has found none and makes one, which derives from the session class."""
    together = threading.Barrier(2)

    class MeetingSession(Session):
        def __init_subclass__(cls) -> None:
            together.wait(PATIENCE)

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(get_sessionmaker, engine, class_=MeetingSession) for _ in range(2)]

    assert asked[0].result() is asked[1].result() is get_sessionmaker(engine)


def test_it_is_a_sessionmaker_bound_to_the_engine(engine: Engine) -> None:
    maker = get_sessionmaker(engine)

    assert isinstance(maker, sessionmaker)
    with maker() as session, maker.begin() as other:
        assert (type(session).__mro__[1], session.bind, other.bind) == (Session, engine, engine)


def test_settings_may_be_left_out_or_repeated_later(engine: Engine) -> None:
    maker = get_sessionmaker(engine, autoflush=False)

    assert get_sessionmaker(engine) is maker
    assert get_sessionmaker(engine, autoflush=False) is maker
    with maker() as session:
        assert session.autoflush is False


@pytest.mark.parametrize("first", [{}, {"autoflush": True}, {"expire_on_commit": False}])
def test_other_settings_later_are_refused(engine: Engine, first: dict[str, bool]) -> None:
    maker = get_sessionmaker(engine, **first)

    with pytest.raises(SessionmakerConflictError, match="'autoflush': False") as caught:
        get_sessionmaker(engine, autoflush=False)

    assert str(first or "no settings") in str(caught.value)
    assert get_sessionmaker(engine) is maker


def test_a_new_engine_at_the_address_of_an_old_one_has_its_own(db_path: Path) -> None:
    """An engine is made and thrown away until one lies where another lay, as `id()` tells."""
    seen: dict[int, weakref.ref[object]] = {}
    for _ in range(500):
        engine = create_hardened_engine(f"sqlite:///{db_path}")
        address = id(engine)
        maker = get_sessionmaker(engine)
        assert maker.kw["bind"] is engine
        if address in seen:
            assert seen[address]() is not maker
            break
        seen[address] = weakref.ref(maker)
        del engine, maker
        gc.collect()
    else:
        pytest.skip("no address came twice")


def test_two_spellings_of_a_path_have_a_sessionmaker_each(
    make_engine: EngineFactory, db_path: Path
) -> None:
    plain = make_engine(f"sqlite:///{db_path}")
    dotted = make_engine(f"sqlite:///{db_path.parent}/./{db_path.name}")

    assert get_sessionmaker(plain) is not get_sessionmaker(dotted)
    assert get_sessionmaker(dotted).kw["bind"] is dotted


def test_an_engine_with_options_of_its_own_has_a_sessionmaker_of_its_own(engine: Engine) -> None:
    strict = engine.execution_options(hardlite_transaction="snapshot")

    assert get_sessionmaker(strict).kw["bind"] is strict
    assert get_sessionmaker(engine).kw["bind"] is engine


def test_an_engine_goes_with_its_sessionmaker(tmp_path: Path) -> None:
    engine = create_hardened_engine(f"sqlite:///{tmp_path / 'app.db'}")
    with get_sessionmaker(engine).reader() as session:
        session.execute(text("SELECT 1"))
    engine.dispose()
    kept = weakref.ref(engine)

    del engine, session
    gc.collect()

    assert kept() is None


def test_a_plain_engine_is_refused() -> None:
    plain = sqlalchemy.create_engine("sqlite://")

    with pytest.raises(ConfigurationError, match="create_hardened_engine") as caught:
        get_sessionmaker(plain)

    assert "sqlite://" in str(caught.value)


# What the functions take in place of an engine


def the_engine(engine: Engine) -> Engine | sessionmaker[Session]:
    return engine


def its_sessionmaker(engine: Engine) -> Engine | sessionmaker[Session]:
    return get_sessionmaker(engine)


@pytest.mark.parametrize("target", [the_engine, its_sessionmaker])
def test_an_engine_and_its_sessionmaker_mean_the_same(
    engine: Engine, target: Callable[[Engine], Engine | sessionmaker[Session]]
) -> None:
    assert sessionmaker_of(target(engine)) is get_sessionmaker(engine)


def test_a_sessionmaker_of_sqlalchemy_keeps_its_class_and_settings(engine: Engine) -> None:
    class AuditedSession(Session):
        pass

    plain = sessionmaker(engine, class_=AuditedSession, autoflush=False)
    maker = sessionmaker_of(plain)

    with maker.writer() as session:
        assert isinstance(session, AuditedSession)
        assert session.autoflush is False
    assert plain.kw["bind"] is engine


def unbound() -> sessionmaker[Session]:
    return sessionmaker()


def bound_to_a_plain_engine() -> sessionmaker[Session]:
    return sessionmaker(sqlalchemy.create_engine("sqlite://"))


@pytest.mark.parametrize(
    ("make", "says"),
    [(unbound, "not bound to one engine"), (bound_to_a_plain_engine, "not a hardened one")],
)
def test_a_sessionmaker_without_a_hardened_engine_is_refused(
    make: Callable[[], sessionmaker[Session]], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        sessionmaker_of(make())


def test_a_url_is_no_engine() -> None:
    url: Any = "sqlite:///app.db"

    with pytest.raises(ConfigurationError, match="neither an engine nor a sessionmaker"):
        sessionmaker_of(url)
