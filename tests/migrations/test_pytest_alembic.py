"""The default tests of pytest-alembic, on the repository's own migrations."""

from pathlib import Path

import pytest
from pytest_alembic.config import Config
from pytest_alembic.tests import (
    test_model_definitions_match_ddl,
    test_single_head_revision,
    test_up_down_consistency,
    test_upgrade,
)
from sqlalchemy import Engine

__all__ = [
    "test_model_definitions_match_ddl",
    "test_single_head_revision",
    "test_up_down_consistency",
    "test_upgrade",
]


@pytest.fixture
def alembic_config() -> Config:
    return Config({"file": str(Path(__file__).parents[2] / "migrations" / "alembic.ini")})


@pytest.fixture
def alembic_engine(engine: Engine) -> Engine:
    return engine
