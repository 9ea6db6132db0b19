"""take in webhooks and mail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_token",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_call_token")),
    )
    with op.batch_alter_table("call_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_token_seen_at"), ["seen_at"], unique=False)

    with op.batch_alter_table("bounce", schema=None) as batch_op:
        batch_op.create_index(
            "ix_bounce_raw_kept",
            ["occurred_at"],
            unique=False,
            sqlite_where=sa.text("raw <> ''"),
            postgresql_where=sa.text("raw <> ''"),
        )


def downgrade() -> None:
    with op.batch_alter_table("bounce", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_bounce_raw_kept",
            sqlite_where=sa.text("raw <> ''"),
            postgresql_where=sa.text("raw <> ''"),
        )

    with op.batch_alter_table("call_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_call_token_seen_at"))

    op.drop_table("call_token")
