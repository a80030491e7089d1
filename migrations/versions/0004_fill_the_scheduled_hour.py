"""The scheduled hour of every flight, in batches, so that others go on writing meanwhile.

It does nothing else: what a block outside of the run's transaction commits stays, and the resume key
makes the next run go on behind it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

from hardlite import batched_unit_of_work

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = "migration 0004"
_ROWS = 1000  # of one statement

_FILL = sa.text(
    "UPDATE flights SET hour = sched_dep_time / 100, minute = sched_dep_time % 100 "
    "WHERE id BETWEEN :first AND :last"
)
_LAST = sa.text("SELECT max(id) FROM flights")


def _fill(session: Session, ids: range) -> None:
    session.execute(_FILL, {"first": ids.start, "last": ids.stop - 1})


def upgrade() -> None:
    with op.get_context().autocommit_block():
        last = op.get_bind().execute(_LAST).scalar() or 0
        parts = (range(first, first + _ROWS) for first in range(0, last + 1, _ROWS))
        batched_unit_of_work(
            op.get_bind().engine, parts, _fill, batch_size=5, resume_key=_KEY
        ).raise_for_rejections()


def downgrade() -> None:
    # Or the next upgrade would take all of it for done.
    op.execute(
        sa.text("DELETE FROM hardlite_progress WHERE resume_key = :key").bindparams(key=_KEY)
    )
