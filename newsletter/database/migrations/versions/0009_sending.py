"""approve and order mailings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "test_group",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "newsletter_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("addresses", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_test_group_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_group")),
        sa.UniqueConstraint("newsletter_id", "name", name=op.f("uq_test_group_newsletter_id_name")),
    )
    op.create_table(
        "approval",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("issue_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column(
            "requested_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "approved_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["account.id"], name=op.f("fk_approval_approved_by")
        ),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_approval_issue_id")),
        sa.ForeignKeyConstraint(
            ["requested_by"], ["account.id"], name=op.f("fk_approval_requested_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
        sa.UniqueConstraint("issue_id", "digest", name=op.f("uq_approval_issue_id_digest")),
    )
    op.create_table(
        "mailing_order",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column(
            "mailing_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "ordered_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_mailing_order_mailing_id")
        ),
        sa.ForeignKeyConstraint(
            ["ordered_by"], ["account.id"], name=op.f("fk_mailing_order_ordered_by")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_mailing_order")),
    )
    with op.batch_alter_table("mailing_order", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_mailing_order_mailing_id"), ["mailing_id"], unique=False
        )

    with op.batch_alter_table("newsletter", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("approval_required", sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("newsletter", schema=None) as batch_op:
        batch_op.drop_column("approval_required")

    with op.batch_alter_table("mailing_order", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mailing_order_mailing_id"))

    op.drop_table("mailing_order")
    op.drop_table("approval")
    op.drop_table("test_group")
