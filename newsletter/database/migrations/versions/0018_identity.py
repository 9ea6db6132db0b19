"""give mailings an identity that no restored backup repeats; count a lease's records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "mailing", sa.Column("identity", sa.String(32), server_default="", nullable=False)
    )
    # What was sent before carries the number in its Message-ID; under it, it is still recognised.
    op.execute("UPDATE mailing SET identity = CAST(id AS VARCHAR(32))")
    op.create_index("ix_mailing_identity", "mailing", ["identity"], unique=True)
    op.add_column("batch", sa.Column("records", sa.Integer, server_default="0", nullable=False))
    op.add_column("pulse", sa.Column("epoch", sa.String(32), server_default="", nullable=False))
    op.create_table(
        "unknown_journal",
        sa.Column("host", sa.String(255), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("accepted", sa.Integer, nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("unknown_journal")
    op.drop_column("pulse", "epoch")
    op.drop_column("batch", "records")
    op.drop_index("ix_mailing_identity", table_name="mailing")
    op.drop_column("mailing", "identity")
