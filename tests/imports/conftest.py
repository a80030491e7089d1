"""The library that the imports of these tests fill."""

import pytest
from sqlalchemy import Engine

from tests.fixtures.library import empty


@pytest.fixture
def library(engine: Engine) -> Engine:
    """A hardened engine whose database has the tables of the library and no author."""
    empty(engine)
    return engine
