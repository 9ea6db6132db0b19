"""keep names, languages, time zones, attributes and tags by newsletter."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KNOWN = ("name", "language", "format", "time_zone", "attributes")


def _name() -> sa.String:
    return sa.String(200, collation="C" if op.get_bind().dialect.name == "postgresql" else None)


def upgrade() -> None:
    for column in (
        sa.Column("name", _name(), nullable=False, server_default=""),
        sa.Column("language", sa.String(64), nullable=False, server_default=""),
        sa.Column("format", sa.String(8), nullable=False, server_default="html"),
        sa.Column("time_zone", sa.String(64), nullable=False, server_default=""),
        sa.Column("attributes", sa.JSON(), nullable=False, server_default="{}"),
    ):
        op.add_column("subscription", column)
    # What was known of a person was known to each of their newsletters: each keeps a copy.
    values = ", ".join(f"{name} = subscriber.{name}" for name in _KNOWN)
    op.execute(
        f"UPDATE subscription SET {values} FROM subscriber "  # noqa: S608 - constant names
        "WHERE subscriber.id = subscription.subscriber_id"
    )
    op.create_index(
        "ix_subscription_name", "subscription", ["newsletter_id", "name", "subscriber_id"]
    )
    op.create_table(
        "subscription_tag",
        sa.Column("newsletter_id", _BIG, nullable=False),
        sa.Column("subscriber_id", _BIG, nullable=False),
        sa.Column("tag", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id", "subscriber_id"],
            ["subscription.newsletter_id", "subscription.subscriber_id"],
            name="fk_subscription_tag_newsletter_id_subscriber_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "newsletter_id", "subscriber_id", "tag", name="pk_subscription_tag"
        ),
    )
    op.execute(
        "INSERT INTO subscription_tag (newsletter_id, subscriber_id, tag) "
        "SELECT subscription.newsletter_id, subscription.subscriber_id, subscriber_tag.tag "
        "FROM subscriber_tag JOIN subscription "
        "ON subscription.subscriber_id = subscriber_tag.subscriber_id "
        "JOIN subscriber ON subscriber.id = subscription.subscriber_id "
        "WHERE subscriber.address_key IS NOT NULL"
    )
    op.create_index(
        "ix_subscription_tag_tag", "subscription_tag", ["newsletter_id", "tag", "subscriber_id"]
    )
    op.drop_table("subscriber_tag")
    op.drop_index("ix_subscriber_name", table_name="subscriber")
    for name in (*_KNOWN, "updated_at"):
        op.drop_column("subscriber", name)


def downgrade() -> None:
    for column in (
        sa.Column("name", _name(), nullable=False, server_default=""),
        sa.Column("language", sa.String(32), nullable=False, server_default="ja"),
        sa.Column("format", sa.String(8), nullable=False, server_default="html"),
        sa.Column("time_zone", sa.String(64), nullable=False, server_default=""),
        sa.Column("attributes", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("subscriber", column)
    values = ", ".join(f"{name} = first.{name}" for name in _KNOWN if name != "language")
    op.execute(
        f"UPDATE subscriber SET updated_at = created_at, {values}, "  # noqa: S608 - constant names
        "language = CASE WHEN first.language LIKE 'en%' THEN 'en' ELSE 'ja' END "
        "FROM subscription AS first WHERE first.subscriber_id = subscriber.id "
        "AND first.newsletter_id = (SELECT min(newsletter_id) FROM subscription "
        "WHERE subscription.subscriber_id = subscriber.id)"
    )
    op.create_index("ix_subscriber_name", "subscriber", ["name", "id"])
    op.create_table(
        "subscriber_tag",
        sa.Column("subscriber_id", _BIG, nullable=False),
        sa.Column("tag", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name="fk_subscriber_tag_subscriber_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "tag", name="pk_subscriber_tag"),
    )
    op.execute(
        "INSERT INTO subscriber_tag (subscriber_id, tag) "
        "SELECT DISTINCT subscriber_id, tag FROM subscription_tag"
    )
    op.create_index("ix_subscriber_tag_tag", "subscriber_tag", ["tag", "subscriber_id"])
    op.drop_table("subscription_tag")
    op.drop_index("ix_subscription_name", table_name="subscription")
    for name in reversed(_KNOWN):
        op.drop_column("subscription", name)
