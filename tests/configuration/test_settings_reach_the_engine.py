"""The ways by which settings come to an engine, and which of them goes before which."""

import dataclasses
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url

from hardlite import ConfigurationError, Profile, UnsupportedDatabaseError
from hardlite.engine import create_hardened_engine, profile_of
from tests.fixtures.databases import EngineFactory

pytestmark = pytest.mark.usefixtures("some_pysqlite3")

OTHER_VALUES: dict[str, Any] = {
    "journal_mode": "delete",
    "synchronous": "extra",
    "foreign_keys": False,
    "busy_timeout": 2.5,
    "timeout": 7.0,
    "cache_size": 500,
    "temp_store": "file",
    "wal_autocheckpoint": 0,
    "journal_size_limit": -1,
    "mmap_size": 1024 * 1024,
    "transaction": "immediate",
    "warn_wait": 0.5,
    "warn_hold": 0.25,
    "network": "refuse",
    "driver": "pysqlite3",
    "track_checkouts": True,
}


def profile_at(engine: Engine) -> Profile:
    profile = profile_of(engine)
    assert profile is not None
    return profile


def test_every_setting_has_another_value_in_these_tests() -> None:
    default = Profile()

    assert OTHER_VALUES.keys() == Profile.names()
    assert all(getattr(default, name) != value for name, value in OTHER_VALUES.items())


@pytest.mark.parametrize("name", sorted(OTHER_VALUES))
def test_a_setting_comes_by_its_keyword(name: str) -> None:
    value = OTHER_VALUES[name]
    engine = create_hardened_engine("sqlite://", **{name: value})

    assert profile_at(engine) == dataclasses.replace(Profile(), **{name: value})


@pytest.mark.parametrize("name", sorted(OTHER_VALUES))
def test_a_setting_comes_by_the_url(name: str) -> None:
    value = OTHER_VALUES[name]
    text = "off" if value is False else str(value).upper()
    engine = create_engine(f"sqlite://?plugin=hardlite&hardlite_{name}={text}")

    assert profile_at(engine) == dataclasses.replace(Profile(), **{name: value})


def test_all_settings_come_by_a_profile() -> None:
    profile = Profile(**OTHER_VALUES)

    by_argument = create_hardened_engine("sqlite://", profile=profile)
    by_plugin = create_engine("sqlite://", plugins=["hardlite"], hardlite=profile)
    by_both_names = create_hardened_engine("sqlite://", hardlite=profile)

    assert profile_at(by_argument) == profile
    assert profile_at(by_plugin) == profile
    assert profile_at(by_both_names) == profile


def test_a_keyword_goes_before_the_profile_and_the_url_before_both() -> None:
    engine = create_hardened_engine(
        "sqlite://?hardlite_busy_timeout=3",
        profile=Profile(busy_timeout=1, warn_wait=1.5, warn_hold=1.5),
        busy_timeout=2,
        warn_wait=2.5,
    )

    assert profile_at(engine) == Profile(busy_timeout=3.0, warn_wait=2.5, warn_hold=1.5)


def test_a_plain_engine_has_no_profile() -> None:
    assert profile_of(create_engine("sqlite://")) is None


@pytest.mark.parametrize("where", ["url", "connect_args"])
def test_the_drivers_timeout_is_the_longest_wait_for_a_turn(where: str) -> None:
    """It means what it means to sqlite3: how long a lock is waited for."""
    by_url = where == "url"
    engine = create_hardened_engine(
        "sqlite://?timeout=12" if by_url else "sqlite://",
        connect_args={} if by_url else {"timeout": 12},
    )

    assert profile_at(engine) == Profile(timeout=12.0)


def test_a_short_drivers_timeout_shortens_the_busy_timeout_too(make_engine: EngineFactory) -> None:
    engine = make_engine(connect_args={"timeout": 0.25})

    with engine.connect() as connection:
        busy = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()

    assert profile_at(engine) == Profile(timeout=0.25, busy_timeout=0.25)
    assert busy == 250


def test_the_drivers_timeout_in_connect_args_goes_before_the_one_in_the_url() -> None:
    """As in SQLAlchemy, where connect_args has the last word."""
    engine = create_hardened_engine("sqlite://?timeout=12", connect_args={"timeout": 9})

    assert profile_at(engine).timeout == 9.0


def test_hardlites_own_timeout_in_the_url_goes_before_the_drivers() -> None:
    engine = create_engine("sqlite://?plugin=hardlite&timeout=12&hardlite_timeout=4")

    assert profile_at(engine).timeout == 4.0


@pytest.mark.parametrize("timeout", ["soon", -1])
def test_a_drivers_timeout_that_is_none_is_refused(timeout: object) -> None:
    with pytest.raises(ConfigurationError, match="The setting timeout cannot be"):
        create_hardened_engine("sqlite://", connect_args={"timeout": timeout})


def test_an_unknown_setting_in_the_url_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'busy_timeout'"):
        create_engine("sqlite://?plugin=hardlite&hardlite_busy_timeot=1")


def test_an_unknown_keyword_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigurationError, match=r"'busy_timeot'.*Did you mean 'busy_timeout'"):
        create_hardened_engine("sqlite://", pool_pre_ping=True, busy_timeot=1)


def test_an_unknown_keyword_that_is_near_to_no_setting_is_sqlalchemys_error() -> None:
    with pytest.raises(TypeError, match="'colour'"):
        create_hardened_engine("sqlite://", colour="green")


def test_a_setting_that_stands_twice_in_the_url_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="gives hardlite_timeout more than once"):
        create_engine("sqlite://?plugin=hardlite&hardlite_timeout=1&hardlite_timeout=2")


def test_two_profiles_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="Both profile= and hardlite="):
        create_hardened_engine("sqlite://", profile=Profile(), hardlite=Profile())


def test_what_is_not_a_profile_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="hardlite= cannot be 'strict'"):
        create_engine("sqlite://?plugin=hardlite", hardlite="strict")
    with pytest.raises(ConfigurationError, match="profile= cannot be 'strict'"):
        create_hardened_engine("sqlite://", profile="strict")  # type: ignore[arg-type]


def test_settings_and_plugin_do_not_reach_the_file_name(db_path: Path) -> None:
    engine = create_engine(f"sqlite:///{db_path}?plugin=hardlite&hardlite_busy_timeout=1")
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    engine.dispose()

    assert [path.name for path in db_path.parent.iterdir()] == [db_path.name]


def test_an_engine_made_again_from_its_url_is_hardened_with_the_same_settings() -> None:
    engine = create_hardened_engine("sqlite://", profile=Profile(**OTHER_VALUES))

    again = create_engine(engine.url)
    from_text = create_engine(engine.url.render_as_string())

    assert profile_at(again) == profile_at(engine)
    assert profile_at(from_text) == profile_at(engine)
    assert again.url == engine.url


def test_the_url_keeps_what_went_before_the_drivers_timeout() -> None:
    """Both timeouts stand in the URL; the one that won must win again."""
    engine = create_engine("sqlite://?plugin=hardlite&timeout=2&hardlite_timeout=30")

    assert profile_at(create_engine(engine.url)) == profile_at(engine)
    assert profile_at(engine) == Profile(timeout=30.0, busy_timeout=2.0)


def test_the_url_of_a_default_engine_gains_the_plugin_alone(db_path: Path) -> None:
    engine = create_hardened_engine(f"sqlite:///{db_path}")

    assert engine.url == make_url(f"sqlite:///{db_path}?plugin=hardlite")


def test_a_plugin_named_twice_hardens_once(make_engine: EngineFactory, db_path: Path) -> None:
    twice = create_engine(
        f"sqlite:///{db_path}?plugin=hardlite&hardlite_warn_hold=9", plugins=["hardlite"]
    )
    hardened_again = make_engine(f"sqlite:///{db_path}?plugin=hardlite", warn_hold=8)
    assert profile_at(twice) == Profile(warn_hold=9.0)
    assert profile_at(hardened_again) == Profile(warn_hold=8)
    for engine in (twice, hardened_again):
        assert engine.dialect.statement_compiler.__name__.count("Hardened") == 1


def test_a_url_object_is_as_good_as_its_text(db_path: Path) -> None:
    engine = create_hardened_engine(make_url(f"sqlite+pysqlite:///{db_path}"), timeout=3)

    assert profile_at(engine).timeout == 3


def test_options_of_the_engine_share_its_profile(engine: Engine) -> None:
    assert profile_of(engine.execution_options(compiled_cache=None)) is profile_of(engine)


def test_other_engines_stay_as_they_are(engine: Engine, db_path: Path) -> None:
    """Listeners, compiler and options belong to the one engine, not to the class."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE note (n)")
    plain = create_engine(f"sqlite:///{db_path}")

    with plain.connect() as connection:
        driver = connection.connection.driver_connection
        foreign_keys = connection.exec_driver_sql("PRAGMA foreign_keys").scalar()
    plain.dispose()

    assert type(driver) is sqlite3.Connection
    assert foreign_keys == 0
    assert "hardlite_transaction" not in plain.dialect.connection_characteristics  # type: ignore[attr-defined]
    assert plain.dialect.statement_compiler is not engine.dialect.statement_compiler


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://localhost/app",
        "postgresql://localhost/app",
        "mysql+pymysql://localhost/app",
        "mssql://localhost/app",
        "sqlite+pysqlcipher://:secret@/app.db",
        "sqlite+pysqlite_numeric:///app.db",
    ],
)
def test_another_database_or_driver_is_refused_before_it_is_imported(url: str) -> None:
    with pytest.raises(UnsupportedDatabaseError) as caught:
        create_hardened_engine(url)
    with pytest.raises(UnsupportedDatabaseError):
        create_engine(url, plugins=["hardlite"])

    assert make_url(url).drivername in str(caught.value)
    assert "sqlite+aiosqlite" in caught.value.hint
    assert "secret" not in str(caught.value)
