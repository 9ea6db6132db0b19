"""who may find and read a newsletter; those that there are stay public."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("newsletter") as batch_op:
        batch_op.add_column(
            sa.Column("visibility", sa.String(32), server_default="public", nullable=False)
        )
    with op.batch_alter_table("newsletter") as batch_op:
        batch_op.alter_column("visibility", server_default="private")


def downgrade() -> None:
    with op.batch_alter_table("newsletter") as batch_op:
        batch_op.drop_column("visibility")
