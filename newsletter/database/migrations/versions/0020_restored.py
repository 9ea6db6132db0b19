"""remember which mailings are held because the database lost what it knew of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "mailing", sa.Column("restored", sa.Boolean, server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("mailing", "restored")
