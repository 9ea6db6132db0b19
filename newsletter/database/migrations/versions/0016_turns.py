"""let mailings take turns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mailing", sa.Column("served_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_mailing_turn", "mailing", ["state", "priority", "served_at"])


def downgrade() -> None:
    op.drop_index("ix_mailing_turn", table_name="mailing")
    op.drop_column("mailing", "served_at")
