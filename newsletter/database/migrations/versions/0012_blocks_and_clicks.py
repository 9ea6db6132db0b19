"""keep how a draft's text was read; count clicks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.add_column(sa.Column("import_report", sa.JSON(none_as_null=True), nullable=True))
    with op.batch_alter_table("newsletter", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("count_clicks", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    op.create_table(
        "mailing_link",
        sa.Column(
            "mailing_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("clicks", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_mailing_link_mailing_id")
        ),
        sa.PrimaryKeyConstraint("mailing_id", "number", name=op.f("pk_mailing_link")),
    )


def downgrade() -> None:
    op.drop_table("mailing_link")
    with op.batch_alter_table("newsletter", schema=None) as batch_op:
        batch_op.drop_column("count_clicks")
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.drop_column("import_report")
