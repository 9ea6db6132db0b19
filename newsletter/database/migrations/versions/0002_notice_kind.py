"""What a notice is about has a column of its own; it stood in that of audiences."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_notice_kind"
down_revision = "0001_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and move there what stood in the other."""
    with op.batch_alter_table("mailing") as table:
        table.add_column(sa.Column("notice", sa.String(64), server_default="", nullable=False))
    op.execute("UPDATE mailing SET notice = segment, segment = '' WHERE kind = 'notice'")


def downgrade() -> None:
    """Move it back."""
    op.execute("UPDATE mailing SET segment = notice WHERE kind = 'notice'")
    with op.batch_alter_table("mailing") as table:
        table.drop_column("notice")
