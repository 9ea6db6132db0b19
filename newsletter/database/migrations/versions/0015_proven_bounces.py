"""tell proven bounces from those that anybody could have written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "bounce", sa.Column("proven", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    bounce = sa.table("bounce", sa.column("id"), sa.column("proven", sa.Boolean()))
    decision = sa.table("bounce_decision", sa.column("bounce_id"), sa.column("evidence", sa.JSON()))
    proof = decision.c.evidence["proof"].as_string()
    proven = sa.select(decision.c.bounce_id).where(proof.not_in(("none", "forged")))
    op.execute(bounce.update().where(bounce.c.id.in_(proven)).values(proven=True))


def downgrade() -> None:
    op.drop_column("bounce", "proven")
