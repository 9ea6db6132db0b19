"""Engine: relays, a pulse, schedules, deliveries that break the sender."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pulse",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pulse")),
    )
    op.create_table(
        "relay",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_relay")),
    )
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.drop_column("leased_by")

    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.add_column(sa.Column("breaks", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("mailing", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("local_hour", sa.String(length=32), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("spread_seconds", sa.Integer(), server_default="0", nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("mailing", schema=None) as batch_op:
        batch_op.drop_column("spread_seconds")
        batch_op.drop_column("local_hour")

    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_column("breaks")

    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.add_column(sa.Column("leased_by", sa.VARCHAR(length=255), nullable=True))

    op.drop_table("relay")
    op.drop_table("pulse")
