"""approvals say what was asked of whom, and that it was sent back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COLUMNS = (
    "issue_version",
    "content",
    "plan",
    "asked",
    "returned_by",
    "returned_at",
    "returned_because",
)


def upgrade() -> None:
    with op.batch_alter_table("approval") as batch_op:
        batch_op.add_column(
            sa.Column("issue_version", sa.Integer(), server_default="0", nullable=False)
        )
        for name in ("content", "plan", "asked"):
            batch_op.add_column(sa.Column(name, sa.JSON(none_as_null=True)))
        batch_op.add_column(sa.Column("returned_by", _BIG))
        batch_op.add_column(sa.Column("returned_at", sa.DateTime(timezone=True)))
        batch_op.add_column(
            sa.Column("returned_because", sa.Text(), server_default="", nullable=False)
        )
        batch_op.create_foreign_key(
            op.f("fk_approval_returned_by"), "account", ["returned_by"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("approval") as batch_op:
        batch_op.drop_constraint(op.f("fk_approval_returned_by"), type_="foreignkey")
        for name in reversed(_COLUMNS):
            batch_op.drop_column(name)
