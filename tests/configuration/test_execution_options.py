"""hardlite_transaction and hardlite_timeout: where they may be given and when they end."""

import pytest
from sqlalchemy import Engine, exc
from sqlalchemy.orm import Session

from hardlite import ConfigurationError, ReadOnlySessionError, create_hardened_engine
from hardlite.connections.connection import HardenedConnection
from hardlite.execution_options import CHARACTERISTICS, hardened
from tests.fixtures.databases import EngineFactory


def driver_of(connection: object) -> HardenedConnection:
    found = hardened(connection.connection.dbapi_connection)  # type: ignore[attr-defined]
    assert found is not None
    return found


@pytest.mark.parametrize("mode", ["relaxed", "snapshot", "immediate"])
def test_a_connection_takes_a_mode_and_gives_it_back_with_the_connection(
    make_engine: EngineFactory, mode: str
) -> None:
    engine = make_engine(pool_size=1, max_overflow=0)
    with engine.connect().execution_options(hardlite_transaction=mode) as connection:
        assert driver_of(connection).mode == mode

    with engine.connect() as connection:
        assert driver_of(connection).mode == "relaxed"


def test_a_connection_goes_back_to_the_mode_of_its_profile(make_engine: EngineFactory) -> None:
    engine = make_engine(transaction="immediate", pool_size=1, max_overflow=0)
    with engine.connect().execution_options(hardlite_transaction="relaxed") as connection:
        assert driver_of(connection).mode == "relaxed"

    with engine.connect() as connection:
        assert driver_of(connection).mode == "immediate"


def test_an_engine_takes_a_mode_for_all_its_connections_and_leaves_the_first_engine(
    engine: Engine,
) -> None:
    strict = engine.execution_options(hardlite_transaction="snapshot", hardlite_timeout=3)

    with strict.connect() as connection:
        assert driver_of(connection).mode == "snapshot"
        assert driver_of(connection).timeout == 3.0
    with engine.connect() as connection:
        assert driver_of(connection).mode == "relaxed"
        assert driver_of(connection).timeout == 30.0


def test_a_session_takes_both_options_for_its_connection(engine: Engine) -> None:
    options = {"hardlite_transaction": "immediate", "hardlite_timeout": 0.5}
    with Session(engine) as session:
        connection = session.connection(execution_options=options)

        assert driver_of(connection).mode == "immediate"
        assert driver_of(connection).timeout == 0.5


def test_create_engine_takes_them_too() -> None:
    options = {"hardlite_timeout": 4, "isolation_level": "AUTOCOMMIT", "compiled_cache": None}
    engine = create_hardened_engine("sqlite://", execution_options=options)
    with engine.connect() as connection:
        assert driver_of(connection).timeout == 4.0
        assert driver_of(connection).isolation_level is None
    assert engine.get_execution_options() == options
    engine.dispose()


def test_a_reader_sees_one_snapshot_and_does_not_write(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE note (n)")
    readers = engine.execution_options(hardlite_transaction="reader")

    with readers.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM note").all()
        assert driver_of(connection).in_transaction
        with pytest.raises(ReadOnlySessionError, match="reader session was asked to write"):
            connection.exec_driver_sql("INSERT INTO note VALUES (1)")


def test_a_mode_is_not_changed_inside_of_a_transaction(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")

        with pytest.raises(exc.InvalidRequestError, match="hardlite_transaction"):
            connection.execution_options(hardlite_transaction="snapshot")


def test_a_timeout_may_be_changed_at_any_time(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        connection.execution_options(hardlite_timeout=2)

        assert driver_of(connection).timeout == 2.0


@pytest.mark.parametrize("value", ["nonsense", "SNAPSHOT", None, 1, ["snapshot"]])
def test_a_mode_that_does_not_exist_is_refused_when_it_is_given(
    engine: Engine, value: object
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        engine.execution_options(hardlite_transaction=value)

    assert f"hardlite_transaction cannot be {value!r}" in str(caught.value)
    assert caught.value.hint == "It takes relaxed, snapshot, immediate or reader."


@pytest.mark.parametrize("value", [-1, "5", None, True, float("nan")])
def test_a_timeout_that_is_none_is_refused(engine: Engine, value: object) -> None:
    with pytest.raises(ConfigurationError, match="hardlite_timeout cannot be"):
        engine.execution_options(hardlite_timeout=value)


def test_an_option_that_does_not_exist_is_refused(engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match="no execution option 'hardlite_mode'") as caught:
        engine.execution_options(hardlite_mode="snapshot")

    assert caught.value.hint == "It has hardlite_transaction and hardlite_timeout."


def test_a_wrong_option_of_create_engine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="hardlite_timeout cannot be 'long'"):
        create_hardened_engine("sqlite://", execution_options={"hardlite_timeout": "long"})


def test_a_refused_option_leaves_the_engine_usable(make_engine: EngineFactory) -> None:
    engine = make_engine(pool_size=1, max_overflow=0, pool_timeout=0)
    with engine.connect() as connection, pytest.raises(ConfigurationError):
        connection.execution_options(hardlite_transaction="nonsense")

    with engine.connect() as connection:
        assert driver_of(connection).mode == "relaxed"


def test_sqlalchemys_own_options_still_work(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert driver_of(connection).isolation_level is None
    with engine.connect() as connection:
        assert driver_of(connection).isolation_level == ""


def test_the_value_in_force_can_be_read(engine: Engine) -> None:
    """SQLAlchemy asks a characteristic for its value, as it does for the isolation level."""
    options = {"hardlite_transaction": "snapshot", "hardlite_timeout": 6.0}
    with engine.connect().execution_options(**options) as connection:
        dbapi_connection = connection.connection.dbapi_connection
        assert dbapi_connection is not None
        read = {
            name: characteristic.get_connection_characteristic(
                engine.dialect, connection, dbapi_connection
            )
            for name, characteristic in CHARACTERISTICS.items()
        }

    assert read == options
