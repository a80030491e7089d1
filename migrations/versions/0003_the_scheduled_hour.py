"""Columns for the scheduled hour and minute, empty at first."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("flights", sa.Column("hour", sa.Integer(), nullable=True))
    op.add_column("flights", sa.Column("minute", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("flights", "minute")
    op.drop_column("flights", "hour")
