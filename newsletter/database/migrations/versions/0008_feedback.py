"""decide what follows from bounces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incident",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("bounced", sa.Integer(), nullable=False),
        sa.Column("mailed", sa.Integer(), nullable=False),
        sa.Column("usual_rate", sa.Double(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.String(32), nullable=True),
        sa.Column("closed_because", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.create_index(
            "uq_incident_subject_open",
            ["subject"],
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )

    op.create_table(
        "feedback_policy",
        sa.Column(
            "newsletter_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("soft_limit", sa.Integer(), nullable=False),
        sa.Column("soft_days", sa.Integer(), nullable=False),
        sa.Column("complaint_everywhere", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_feedback_policy_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("newsletter_id", name=op.f("pk_feedback_policy")),
    )
    op.create_table(
        "bounce_decision",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "bounce_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column(
            "suppression_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("unsubscribed", sa.Boolean(), nullable=False),
        sa.Column(
            "incident_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_because", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bounce_id"], ["bounce.id"], name=op.f("fk_bounce_decision_bounce_id")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_bounce_decision_incident_id")
        ),
        sa.ForeignKeyConstraint(
            ["suppression_id"],
            ["suppression.id"],
            name=op.f("fk_bounce_decision_suppression_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounce_decision")),
    )
    with op.batch_alter_table("bounce_decision", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_bounce_decision_bounce_id"), ["bounce_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_bounce_decision_incident_id"), ["incident_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_bounce_decision_suppression_id"), ["suppression_id"], unique=False
        )

    with op.batch_alter_table("bounce", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("domain", sa.String(length=255), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("reader", sa.String(length=64), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("return_path", sa.String(length=320), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("message_id", sa.String(length=255), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("feedback_id", sa.String(length=255), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            "ix_bounce_domain_occurred_at", ["domain", "occurred_at"], unique=False
        )
        batch_op.create_index("ix_bounce_occurred_at", ["occurred_at"], unique=False)
        batch_op.create_index(
            "ix_bounce_subscriber_id_occurred_at", ["subscriber_id", "occurred_at"], unique=False
        )
        batch_op.create_index(
            "ix_bounce_unjudged",
            ["id"],
            unique=False,
            sqlite_where=sa.text("judged_at IS NULL"),
            postgresql_where=sa.text("judged_at IS NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("bounce", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_bounce_unjudged",
            sqlite_where=sa.text("judged_at IS NULL"),
            postgresql_where=sa.text("judged_at IS NULL"),
        )
        batch_op.drop_index("ix_bounce_subscriber_id_occurred_at")
        batch_op.drop_index("ix_bounce_occurred_at")
        batch_op.drop_index("ix_bounce_domain_occurred_at")
        batch_op.drop_column("judged_at")
        batch_op.drop_column("feedback_id")
        batch_op.drop_column("message_id")
        batch_op.drop_column("return_path")
        batch_op.drop_column("reader")
        batch_op.drop_column("domain")

    with op.batch_alter_table("bounce_decision", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_bounce_decision_suppression_id"))
        batch_op.drop_index(batch_op.f("ix_bounce_decision_incident_id"))
        batch_op.drop_index(batch_op.f("ix_bounce_decision_bounce_id"))

    op.drop_table("bounce_decision")
    op.drop_table("feedback_policy")
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_incident_subject_open",
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )

    op.drop_table("incident")
