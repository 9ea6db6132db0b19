"""keep by which door a deed was done, and orders of the command line."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not by a copy of the table: its triggers, which refuse changes, would be lost.
    door = sa.Column("door", sa.String(length=16), server_default="", nullable=False)
    op.add_column("audit_event", door)
    with op.batch_alter_table("mailing_order", schema=None) as batch_op:
        batch_op.alter_column(
            "ordered_by",
            existing_type=sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
        )
        batch_op.add_column(
            sa.Column("orderer", sa.String(length=320), server_default="", nullable=False)
        )


def downgrade() -> None:
    op.execute("DELETE FROM mailing_order WHERE ordered_by IS NULL")
    with op.batch_alter_table("mailing_order", schema=None) as batch_op:
        batch_op.drop_column("orderer")
        batch_op.alter_column(
            "ordered_by",
            existing_type=sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
        )
    op.drop_column("audit_event", "door")
