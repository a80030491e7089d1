"""What type checkers make of programs that use hardlite; checked by mypy and pyright, never run."""

from typing import assert_type

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from hardlite import (
    Profile,
    create_hardened_engine,
    get_sessionmaker,
    retry_on_locked,
    run_in_transaction,
)

assert_type(create_hardened_engine("sqlite:///app.db"), Engine)
engine = create_hardened_engine(
    "sqlite:///app.db", profile=Profile.durable(), busy_timeout=10, echo=True
)

factory: sessionmaker[Session] = get_sessionmaker(engine)

with get_sessionmaker(engine).reader() as reader:
    assert_type(reader, Session)
with get_sessionmaker(engine).writer(timeout=10) as writer:
    assert_type(writer, Session)


def count(session: Session) -> int:
    return session.execute(text("SELECT count(*) FROM note")).scalar_one()


assert_type(run_in_transaction(engine, count), int)


@retry_on_locked(max_attempts=3, base_delay=0.1, max_delay=1.0, idempotent_only=True)
def rename(name: str, *, loudly: bool = False) -> bytes:
    return (name.upper() if loudly else name).encode()


assert_type(rename("a", loudly=True), bytes)
