"""The flights and the writers in the foreground."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "airlines",
        sa.Column("carrier", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("carrier"),
    )
    op.create_table(
        "airports",
        sa.Column("faa", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("alt", sa.Integer(), nullable=False),
        sa.Column("tz", sa.Integer(), nullable=False),
        sa.Column("dst", sa.String(), nullable=False),
        sa.Column("tzone", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("faa"),
    )
    op.create_table(
        "desks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("served", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "planes",
        sa.Column("tailnum", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("manufacturer", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("engines", sa.Integer(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("speed", sa.Integer(), nullable=True),
        sa.Column("engine", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tailnum"),
    )
    op.create_table(
        "flights",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("dep_time", sa.Integer(), nullable=True),
        sa.Column("sched_dep_time", sa.Integer(), nullable=False),
        sa.Column("dep_delay", sa.Integer(), nullable=True),
        sa.Column("arr_time", sa.Integer(), nullable=True),
        sa.Column("sched_arr_time", sa.Integer(), nullable=False),
        sa.Column("arr_delay", sa.Integer(), nullable=True),
        sa.Column("carrier", sa.String(), nullable=False),
        sa.Column("flight", sa.Integer(), nullable=False),
        sa.Column("tailnum", sa.String(), nullable=True),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("dest", sa.String(), nullable=False),
        sa.Column("air_time", sa.Integer(), nullable=True),
        sa.Column("distance", sa.Integer(), nullable=False),
        sa.Column("time_hour", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["carrier"], ["airlines.carrier"]),
        sa.ForeignKeyConstraint(["dest"], ["airports.faa"]),
        sa.ForeignKeyConstraint(["origin"], ["airports.faa"]),
        sa.ForeignKeyConstraint(["tailnum"], ["planes.tailnum"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "visits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("desk_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["desk_id"], ["desks.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "weather",
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("temp", sa.Float(), nullable=True),
        sa.Column("dewp", sa.Float(), nullable=True),
        sa.Column("humid", sa.Float(), nullable=True),
        sa.Column("wind_dir", sa.Integer(), nullable=True),
        sa.Column("wind_speed", sa.Float(), nullable=True),
        sa.Column("wind_gust", sa.Float(), nullable=True),
        sa.Column("precip", sa.Float(), nullable=False),
        sa.Column("pressure", sa.Float(), nullable=True),
        sa.Column("visib", sa.Float(), nullable=False),
        sa.Column("time_hour", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["origin"], ["airports.faa"]),
        sa.PrimaryKeyConstraint("origin", "year", "month", "day", "hour"),
    )


def downgrade() -> None:
    op.drop_table("weather")
    op.drop_table("visits")
    op.drop_table("flights")
    op.drop_table("planes")
    op.drop_table("desks")
    op.drop_table("airports")
    op.drop_table("airlines")
