"""Columns that every row has are required: two tables are rebuilt, and visits reference one of them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Flights that came in while the others were filled.
    op.execute(
        "UPDATE flights SET hour = sched_dep_time / 100, minute = sched_dep_time % 100 "
        "WHERE hour IS NULL OR minute IS NULL"
    )
    op.execute("UPDATE desks SET served = 0 WHERE served IS NULL")
    _require(nullable=False)


def downgrade() -> None:
    _require(nullable=True)


def _require(*, nullable: bool) -> None:
    with op.batch_alter_table("flights") as batch:
        batch.alter_column("hour", existing_type=sa.Integer(), nullable=nullable)
        batch.alter_column("minute", existing_type=sa.Integer(), nullable=nullable)
    with op.batch_alter_table("desks") as batch:
        batch.alter_column("served", existing_type=sa.Integer(), nullable=nullable)
