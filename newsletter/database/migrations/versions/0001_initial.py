"""initial tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001_initial"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TABLES = (
    "account",
    "acknowledged_alarm",
    "audit_event",
    "call_token",
    "drained_worker",
    "held_domain",
    "incident",
    "join_tally",
    "people_group",
    "newsletter",
    "database_history",
    "relay",
    "sign_in_limit",
    "signing_key",
    "subscriber",
    "tally",
    "unknown_journal",
    "worker_heartbeat",
    "worker_host",
    "account_session",
    "address_change",
    "person_merge",
    "consent",
    "feedback_policy",
    "field",
    "file",
    "form",
    "form_site",
    "dictionary_word",
    "growth",
    "image",
    "library_item",
    "content_use",
    "template",
    "template_version",
    "invitation",
    "issue",
    "list_import",
    "import_added",
    "import_change",
    "import_spread",
    "import_tag",
    "list_upload",
    "tagging",
    "tagging_page",
    "recovery_code",
    "role_grant",
    "segment",
    "snippet",
    "subscription",
    "suppression",
    "test_group",
    "approval",
    "draft",
    "mailing",
    "correction",
    "note",
    "people_view",
    "subscription_tag",
    "form_tally",
    "join_request",
    "batch",
    "bounce",
    "delivery",
    "draft_revision",
    "translation_revision",
    "mailing_content",
    "mailing_variant",
    "mailing_link",
    "subject_trial",
    "mailing_order",
    "unsubscribe_event",
    "bounce_decision",
    "issue_comment",
    "list_piece",
    "list_problems",
    "issue_pattern",
    "recurrence",
    "link_check",
    "digest_rule",
    "digest",
    "digest_entry",
    "join_invitation",
    "series",
    "series_step",
    "series_enrolment",
    "series_mailing",
    "series_copy",
)
_POSTGRESQL_GUARD = """
CREATE FUNCTION audit_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$
"""


def _guard_audit_log() -> None:
    """Let the database itself refuse to rewrite history."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRESQL_GUARD)
        op.execute(
            "CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
            "ON audit_event FOR EACH STATEMENT EXECUTE FUNCTION audit_event_is_append_only()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_event_no_{verb.lower()} BEFORE {verb} ON audit_event "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        )


def upgrade() -> None:  # noqa: PLR0915 - a statement a table and index
    op.create_table(
        "account",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("address_key", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(32), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("totp_secret", sa.Text(), nullable=True),
        sa.Column("totp_step", sa.Integer(), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sessions_ended", sa.Integer(), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("address_key", name=op.f("uq_account_address_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit_event",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=320), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object", sa.String(length=255), nullable=False),
        sa.Column("newsletter_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("door", sa.String(length=16), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_event_action", "audit_event", ["action"], unique=False)
    op.create_index("ix_audit_event_object", "audit_event", ["object"], unique=False)
    op.create_table(
        "call_token",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_call_token")),
    )
    op.create_index(op.f("ix_call_token_seen_at"), "call_token", ["seen_at"], unique=False)
    op.create_table(
        "acknowledged_alarm",
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("place", sa.String(length=255), nullable=False),
        sa.Column("severity", sa.String(length=32), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=320), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("kind", "place", name=op.f("pk_acknowledged_alarm")),
    )
    op.create_table(
        "drained_worker",
        sa.Column("node", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_drained_worker")),
    )
    op.create_table(
        "held_domain",
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_held_domain")),
    )
    op.create_table(
        "incident",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
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
        sa.Column("part_of_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["part_of_id"], ["incident.id"], name=op.f("fk_incident_part_of_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_incident_subject_open",
        "incident",
        ["subject"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "join_tally",
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("window", _ID, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "window", name=op.f("pk_join_tally")),
    )
    op.create_index(op.f("ix_join_tally_started_at"), "join_tally", ["started_at"], unique=False)
    op.create_table(
        "people_group",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people_group")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "newsletter",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("group_id", _ID, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("from_name", sa.String(length=200), nullable=False),
        sa.Column("from_address", sa.String(length=320), nullable=False),
        sa.Column("reply_to", sa.String(length=320), nullable=False),
        sa.Column("postal_address", sa.Text(), nullable=False),
        sa.Column("list_id", sa.String(length=255), nullable=False),
        sa.Column("bounce_address", sa.String(length=320), nullable=False),
        sa.Column("unsubscribe_address", sa.String(length=320), nullable=False),
        sa.Column("website_url", sa.Text(), nullable=False),
        sa.Column("contact_url", sa.Text(), nullable=False),
        sa.Column("language", sa.String(32), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approval_required", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("count_clicks", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("joining", sa.String(32), server_default="unlisted", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("visibility", sa.String(32), server_default="private", nullable=False),
        sa.Column("look", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("languages", sa.JSON(), server_default="[]", nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["people_group.id"], name=op.f("fk_newsletter_group_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newsletter")),
        sa.UniqueConstraint("slug", name=op.f("uq_newsletter_slug")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_newsletter_group_id"), "newsletter", ["group_id"], unique=False)
    op.create_table(
        "field",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("group_id", _ID, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("required", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("ask_on_joining", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reader_may_change", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("purpose", sa.Text(), server_default="", nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=True),
        sa.Column("options", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["group_id"], ["people_group.id"], name=op.f("fk_field_group_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_field")),
        sa.UniqueConstraint("group_id", "key", name=op.f("uq_field_group_id_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "database_history",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("epoch", sa.String(length=32), server_default="", nullable=False),
        sa.Column("claims", sa.Integer(), server_default="0", nullable=False),
        sa.Column("server", sa.String(length=64), server_default="", nullable=False),
        sa.Column("lost_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_database_history")),
    )
    op.create_table(
        "worker_host",
        sa.Column("identity", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=600), nullable=False),
        sa.Column("epoch", sa.String(length=32), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("covers", sa.Boolean(), nullable=False),
        sa.Column("met_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("identity", name=op.f("pk_worker_host")),
    )
    op.create_table(
        "relay",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_relay")),
    )
    op.create_table(
        "sign_in_limit",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_limit")),
    )
    op.create_table(
        "signing_key",
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_signing_key")),
    )
    op.create_table(
        "subscriber",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("address", sa.String(length=320), nullable=True),
        sa.Column(
            "address_key",
            sa.String(length=320).with_variant(sa.String(length=320, collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriber")),
        sa.UniqueConstraint("address_key", name=op.f("uq_subscriber_address_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tally",
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "at", "name", "state", name=op.f("pk_tally")),
    )
    op.create_table(
        "unknown_journal",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("host", "name", name=op.f("pk_unknown_journal")),
    )
    op.create_table(
        "worker_heartbeat",
        sa.Column("process", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clock_ahead", sa.Double(), server_default="0", nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mailing_id", sa.Integer(), nullable=True),
        sa.Column("batch_number", sa.Integer(), nullable=True),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("disk_free", sa.BigInteger(), nullable=True),
        sa.Column("disk_fault", sa.String(length=16), server_default="", nullable=False),
        sa.Column("node", sa.String(length=255), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_worker_heartbeat")),
    )
    op.create_index("ix_worker_heartbeat_seen_at", "worker_heartbeat", ["seen_at"], unique=False)
    op.create_table(
        "account_session",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("user_agent", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_account_session_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_account_session_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_account_session_account_id"), "account_session", ["account_id"], unique=False
    )
    op.create_table(
        "address_change",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.Column("successor_id", _ID, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("newsletter_ids", sa.JSON(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_address_change_newsletter_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_address_change_subscriber_id")
        ),
        sa.ForeignKeyConstraint(
            ["successor_id"], ["subscriber.id"], name=op.f("fk_address_change_successor_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_change")),
        sqlite_autoincrement=True,
    )
    for column in ("requested_at", "subscriber_id", "successor_id"):
        op.create_index(
            op.f(f"ix_address_change_{column}"), "address_change", [column], unique=False
        )
    op.create_table(
        "person_merge",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("group_id", _ID, nullable=False),
        sa.Column("kept_id", _ID, nullable=False),
        sa.Column("merged_id", _ID, nullable=False),
        sa.Column("merged_by", sa.String(length=320), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["people_group.id"], name=op.f("fk_person_merge_group_id")
        ),
        sa.ForeignKeyConstraint(
            ["kept_id"], ["subscriber.id"], name=op.f("fk_person_merge_kept_id")
        ),
        sa.ForeignKeyConstraint(
            ["merged_id"], ["subscriber.id"], name=op.f("fk_person_merge_merged_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_merge")),
        sqlite_autoincrement=True,
    )
    for column in ("kept_id", "merged_id"):
        op.create_index(op.f(f"ix_person_merge_{column}"), "person_merge", [column], unique=False)
    op.create_table(
        "consent",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("language", sa.String(32), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_consent_newsletter_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_consent_subscriber_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_consent_subscriber_id_newsletter_id",
        "consent",
        ["subscriber_id", "newsletter_id"],
        unique=False,
    )
    op.create_table(
        "feedback_policy",
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("soft_limit", sa.Integer(), nullable=False),
        sa.Column("soft_days", sa.Integer(), nullable=False),
        sa.Column("complaint_everywhere", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_feedback_policy_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("newsletter_id", name=op.f("pk_feedback_policy")),
    )
    op.create_table(
        "form",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("slug", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("introduction", sa.Text(), nullable=False),
        sa.Column("button", sa.String(length=60), nullable=False),
        sa.Column("language", sa.String(length=64), nullable=False),
        sa.Column("asks_name", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("asks_frequency", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("success_url", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_form_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form")),
        sa.UniqueConstraint("newsletter_id", "slug", name=op.f("uq_form_newsletter_id_slug")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "form_site",
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_form_site_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("newsletter_id", "origin", name=op.f("pk_form_site")),
    )
    op.create_table(
        "form_tally",
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("form_id", _ID, autoincrement=False, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("confirmed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_form_tally_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("newsletter_id", "form_id", "day", name=op.f("pk_form_tally")),
    )
    op.create_table(
        "join_request",
        sa.Column("consent_id", _ID, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.Column("form_id", _ID, nullable=True),
        sa.Column("is_counted", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("frequency", sa.String(32), nullable=True),
        sa.Column("name", sa.String(200), server_default="", nullable=False),
        sa.Column("language", sa.String(64), server_default="", nullable=False),
        sa.Column("time_zone", sa.String(64), server_default="", nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consent.id"], name=op.f("fk_join_request_consent_id")
        ),
        sa.ForeignKeyConstraint(["form_id"], ["form.id"], name=op.f("fk_join_request_form_id")),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_join_request_newsletter_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_join_request_subscriber_id")
        ),
        sa.PrimaryKeyConstraint("consent_id", name=op.f("pk_join_request")),
    )
    for name in ("form_id", "requested_at", "subscriber_id"):
        op.create_index(op.f(f"ix_join_request_{name}"), "join_request", [name], unique=False)
    op.create_table(
        "file",
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_file_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("digest", "newsletter_id", name=op.f("pk_file")),
    )
    op.create_index(op.f("ix_file_newsletter_id"), "file", ["newsletter_id"], unique=False)
    op.create_table(
        "image",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_image")),
    )
    op.create_table(
        "library_item",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=120), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("alt", sa.Text(), server_default="", nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), server_default="0", nullable=False),
        sa.Column("height", sa.Integer(), server_default="0", nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_library_item_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_library_item")),
        sa.UniqueConstraint(
            "newsletter_id", "digest", name=op.f("uq_library_item_newsletter_id_digest")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_library_item_digest", "library_item", ["digest"], unique=False)
    op.create_table(
        "template",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_template_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template")),
        sa.UniqueConstraint("newsletter_id", "name", name=op.f("uq_template_newsletter_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "template_version",
        sa.Column("template_id", _ID, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["template.id"],
            name=op.f("fk_template_version_template_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("template_id", "number", name=op.f("pk_template_version")),
    )
    op.create_table(
        "content_use",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("used_by", sa.String(32), nullable=False),
        sa.Column("number", _ID, autoincrement=False, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_content_use_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("digest", "used_by", "number", name=op.f("pk_content_use")),
    )
    op.create_index("ix_content_use_used_by", "content_use", ["used_by", "number"], unique=False)
    op.create_index(
        op.f("ix_content_use_newsletter_id"), "content_use", ["newsletter_id"], unique=False
    )
    op.create_table(
        "invitation",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("account_id", _ID, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_invitation_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_invitation_account_id"), "invitation", ["account_id"], unique=False)
    op.create_table(
        "issue",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("slug", sa.String(length=120), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("issue_date", sa.Date(), nullable=False),
        sa.Column("language", sa.String(32), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("archived", sa.String(32), nullable=True),
        sa.Column("corrects", _ID, nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_format", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["corrects"], ["issue.id"], name=op.f("fk_issue_corrects")),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_issue_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue")),
        sa.UniqueConstraint("newsletter_id", "slug", name=op.f("uq_issue_newsletter_id_slug")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "list_import",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("records", _ID, nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_list_import_newsletter_id")
        ),
        sa.Column("undo_ordered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undo_counts", sa.JSON(), nullable=False),
        sa.Column("made_fields", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_import")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_list_import_newsletter_id_digest",
        "list_import",
        ["newsletter_id", "digest"],
        unique=True,
        sqlite_where=sa.text("undo_ordered_at IS NULL"),
        postgresql_where=sa.text("undo_ordered_at IS NULL"),
    )
    op.create_table(
        "tagging",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("last", _ID, nullable=False),
        sa.Column("after", _ID, nullable=False),
        sa.Column("people", _ID, nullable=False),
        sa.Column("done", _ID, nullable=False),
        sa.Column("changed", _ID, nullable=False),
        sa.Column("ordered_by", sa.String(length=320), server_default="", nullable=False),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_tagging_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tagging")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_tagging_newsletter_id"), "tagging", ["newsletter_id"], unique=False)
    op.create_index(
        "ix_tagging_waiting",
        "tagging",
        ["id"],
        unique=False,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "tagging_page",
        sa.Column("tagging_id", _ID, nullable=False),
        sa.Column("last", _ID, nullable=False),
        sa.Column("people", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tagging_id"], ["tagging.id"], name=op.f("fk_tagging_page_tagging_id")
        ),
        sa.PrimaryKeyConstraint("tagging_id", "last", name=op.f("pk_tagging_page")),
    )
    op.create_table(
        "import_added",
        sa.Column("import_id", _ID, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["list_import.id"], name=op.f("fk_import_added_import_id")
        ),
        sa.PrimaryKeyConstraint("import_id", "kind", "first", name=op.f("pk_import_added")),
    )
    op.create_table(
        "import_change",
        sa.Column("import_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, autoincrement=False, nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("consent_basis", sa.String(length=64), nullable=False),
        sa.Column("consent_source", sa.Text(), nullable=False),
        sa.Column("consent_wording", sa.Text(), nullable=False),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unsubscribed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=64), nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("frequency", sa.String(length=32), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"], ["list_import.id"], name=op.f("fk_import_change_import_id")
        ),
        sa.PrimaryKeyConstraint("import_id", "subscriber_id", name=op.f("pk_import_change")),
    )
    op.create_index(
        "ix_import_change_subscriber_id", "import_change", ["subscriber_id"], unique=False
    )
    op.create_table(
        "import_spread",
        sa.Column("import_id", _ID, nullable=False),
        sa.Column("newsletter_id", _ID, autoincrement=False, nullable=False),
        sa.Column("subscriber_id", _ID, autoincrement=False, nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("written", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["list_import.id"], name=op.f("fk_import_spread_import_id")
        ),
        sa.PrimaryKeyConstraint(
            "import_id", "newsletter_id", "subscriber_id", name=op.f("pk_import_spread")
        ),
    )
    op.create_index(
        "ix_import_spread_subscriber_id", "import_spread", ["subscriber_id"], unique=False
    )
    op.create_table(
        "import_tag",
        sa.Column("import_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, autoincrement=False, nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["list_import.id"], name=op.f("fk_import_tag_import_id")
        ),
        sa.PrimaryKeyConstraint("import_id", "subscriber_id", "tag", name=op.f("pk_import_tag")),
    )
    op.create_table(
        "list_upload",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("lines", _ID, nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("terms", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("trial", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("asked", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("hinted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_list_upload_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_upload")),
        sa.UniqueConstraint("token", name=op.f("uq_list_upload_token")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_list_upload_state", "list_upload", ["state", "ordered_at"], unique=False)
    op.create_index(
        op.f("ix_list_upload_newsletter_id"), "list_upload", ["newsletter_id"], unique=False
    )
    op.create_table(
        "list_piece",
        sa.Column("upload_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["list_upload.id"], name=op.f("fk_list_piece_upload_id")
        ),
        sa.PrimaryKeyConstraint("upload_id", "number", name=op.f("pk_list_piece")),
    )
    op.create_table(
        "list_problems",
        sa.Column("upload_id", _ID, nullable=False),
        sa.Column("number", _ID, nullable=False),
        sa.Column("problems", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["list_upload.id"], name=op.f("fk_list_problems_upload_id")
        ),
        sa.PrimaryKeyConstraint("upload_id", "number", name=op.f("pk_list_problems")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_recovery_code_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "code_hash", name=op.f("pk_recovery_code")),
    )
    op.create_table(
        "role_grant",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=True),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_role_grant_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_role_grant_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "segment",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_segment_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("newsletter_id", "name", name=op.f("uq_segment_newsletter_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "dictionary_word",
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("folded", sa.String(length=80), nullable=False),
        sa.Column("word", sa.String(length=80), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_dictionary_word_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("newsletter_id", "folded", name=op.f("pk_dictionary_word")),
    )
    op.create_table(
        "snippet",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_snippet_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snippet")),
        sa.UniqueConstraint("newsletter_id", "name", name=op.f("uq_snippet_newsletter_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "subscription",
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("consent_basis", sa.String(length=64), nullable=False),
        sa.Column("consent_source", sa.Text(), nullable=False),
        sa.Column("consent_wording", sa.Text(), nullable=False),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unsubscribed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "name",
            sa.String(length=200).with_variant(sa.String(length=200, collation="C"), "postgresql"),
            server_default="",
            nullable=False,
        ),
        sa.Column("language", sa.String(length=64), server_default="", nullable=False),
        sa.Column("format", sa.String(length=8), server_default="html", nullable=False),
        sa.Column("time_zone", sa.String(length=64), server_default="", nullable=False),
        sa.Column("frequency", sa.String(32), server_default="each", nullable=False),
        sa.Column("attributes", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_subscription_newsletter_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_subscription_subscriber_id")
        ),
        sa.PrimaryKeyConstraint("newsletter_id", "subscriber_id", name=op.f("pk_subscription")),
    )
    op.create_index(
        "ix_subscription_name",
        "subscription",
        ["newsletter_id", "name", "subscriber_id"],
        unique=False,
    )
    op.create_index(
        "ix_subscription_confirmed_at",
        "subscription",
        ["newsletter_id", "confirmed_at", "subscriber_id"],
        unique=False,
    )
    op.create_index(
        "ix_subscription_changed_at",
        "subscription",
        ["newsletter_id", "changed_at", "subscriber_id"],
        unique=False,
        sqlite_where=sa.text("changed_at IS NOT NULL"),
        postgresql_where=sa.text("changed_at IS NOT NULL"),
    )
    op.create_index(
        "ix_subscription_pending",
        "subscription",
        ["consented_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        op.f("ix_subscription_subscriber_id"), "subscription", ["subscriber_id"], unique=False
    )
    op.create_table(
        "suppression",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=True),
        sa.Column(
            "address_key",
            sa.String(length=320).with_variant(sa.String(length=320, collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column("address_hash", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_suppression_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_suppression_address_hash", "suppression", ["address_hash"], unique=False)
    op.create_table(
        "test_group",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("addresses", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_test_group_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_group")),
        sa.UniqueConstraint("newsletter_id", "name", name=op.f("uq_test_group_newsletter_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "approval",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("issue_id", _ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("requested_by", _ID, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", _ID, nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issue_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("plan", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("asked", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("returned_by", _ID, nullable=True),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returned_because", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["account.id"], name=op.f("fk_approval_approved_by")
        ),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_approval_issue_id")),
        sa.ForeignKeyConstraint(
            ["requested_by"], ["account.id"], name=op.f("fk_approval_requested_by")
        ),
        sa.ForeignKeyConstraint(
            ["returned_by"], ["account.id"], name=op.f("fk_approval_returned_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
        sa.UniqueConstraint("issue_id", "digest", name=op.f("uq_approval_issue_id_digest")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "issue_pattern",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("template", sa.String(length=64), server_default="", nullable=False),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_issue_pattern_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue_pattern")),
        sa.UniqueConstraint(
            "newsletter_id", "name", name=op.f("uq_issue_pattern_newsletter_id_name")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "recurrence",
        sa.Column("newsletter_id", _ID, autoincrement=False, nullable=False),
        sa.Column("every", sa.String(32), nullable=False),
        sa.Column("weekday", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ordinal", sa.Integer(), server_default="1", nullable=False),
        sa.Column("days_before", sa.Integer(), server_default="7", nullable=False),
        sa.Column("pattern_id", _ID, nullable=True),
        sa.Column("next_on", sa.Date(), nullable=False),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_recurrence_newsletter_id")
        ),
        sa.ForeignKeyConstraint(
            ["pattern_id"], ["issue_pattern.id"], name=op.f("fk_recurrence_pattern_id")
        ),
        sa.PrimaryKeyConstraint("newsletter_id", name=op.f("pk_recurrence")),
    )
    op.create_index(op.f("ix_recurrence_next_on"), "recurrence", ["next_on"], unique=False)
    op.create_table(
        "issue_comment",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("issue_id", _ID, nullable=False),
        sa.Column("thread_id", _ID, nullable=True),
        sa.Column("anchor", sa.String(length=64), server_default="", nullable=False),
        sa.Column("heading", sa.Text(), server_default="", nullable=False),
        sa.Column("author_id", _ID, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", _ID, nullable=True),
        sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["account.id"], name=op.f("fk_issue_comment_author_id")
        ),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_issue_comment_issue_id")),
        sa.ForeignKeyConstraint(
            ["resolved_by"], ["account.id"], name=op.f("fk_issue_comment_resolved_by")
        ),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["issue_comment.id"], name=op.f("fk_issue_comment_thread_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue_comment")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_issue_comment_issue_id"), "issue_comment", ["issue_id"], unique=False)
    op.create_index(
        op.f("ix_issue_comment_mailed_at"), "issue_comment", ["mailed_at"], unique=False
    )
    op.create_table(
        "draft",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("issue_id", _ID, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("import_report", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("corrects", _ID, nullable=True),
        sa.Column("archived", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(["corrects"], ["issue.id"], name=op.f("fk_draft_corrects")),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_draft_issue_id")),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_draft_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
        sa.UniqueConstraint("corrects", name=op.f("uq_draft_corrects")),
        sa.UniqueConstraint("issue_id", name=op.f("uq_draft_issue_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_draft_newsletter_id"), "draft", ["newsletter_id"], unique=False)
    op.create_table(
        "mailing",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("issue_id", _ID, nullable=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("uncertain_policy", sa.String(32), nullable=False),
        sa.Column("halt_reason", sa.Text(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("batch_size", sa.Integer(), nullable=False),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("local_hour", sa.String(length=32), server_default="", nullable=False),
        sa.Column("spread_seconds", sa.Integer(), server_default="0", nullable=False),
        sa.Column("conditions", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("kind", sa.String(32), server_default="issue", nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("issue_date", sa.Date(), nullable=True),
        sa.Column("issue_number", sa.Text(), server_default="", nullable=False),
        sa.Column("summary", sa.Text(), server_default="", nullable=False),
        sa.Column("identity", sa.String(length=32), server_default="", nullable=False),
        sa.Column("restored", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("notice", sa.String(64), server_default="", nullable=False),
        sa.Column("correction", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_mailing_issue_id")),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_mailing_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailing")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_mailing_identity"), "mailing", ["identity"], unique=True)
    op.create_index(op.f("ix_mailing_newsletter_id"), "mailing", ["newsletter_id"], unique=False)
    op.create_index(op.f("ix_mailing_state"), "mailing", ["state"], unique=False)
    op.create_index("ix_mailing_turn", "mailing", ["state", "priority", "served_at"], unique=False)
    op.create_table(
        "correction",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("issue_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("note_translations", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("before_template", sa.String(length=64), server_default="", nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("corrected_by", _ID, nullable=True),
        sa.Column("corrector", sa.String(length=320), server_default="", nullable=False),
        sa.Column("mailing_id", _ID, nullable=True),
        sa.Column("readied_as", _ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["corrected_by"], ["account.id"], name=op.f("fk_correction_corrected_by")
        ),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_correction_issue_id")),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_correction_mailing_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
        sa.UniqueConstraint("issue_id", "number", name=op.f("uq_correction_issue_id_number")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "note",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["newsletter_id", "subscriber_id"],
            ["subscription.newsletter_id", "subscription.subscriber_id"],
            name=op.f("fk_note_newsletter_id_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "people_view",
        sa.Column("account_id", _ID, autoincrement=False, nullable=False),
        sa.Column("newsletter_id", _ID, autoincrement=False, nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_people_view_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_people_view_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "newsletter_id", name=op.f("pk_people_view")),
    )
    op.create_index(
        "ix_note_subscriber_id", "note", ["subscriber_id", "newsletter_id"], unique=False
    )
    op.create_table(
        "subscription_tag",
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id", "subscriber_id"],
            ["subscription.newsletter_id", "subscription.subscriber_id"],
            name=op.f("fk_subscription_tag_newsletter_id_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "newsletter_id", "subscriber_id", "tag", name=op.f("pk_subscription_tag")
        ),
    )
    op.create_index(
        "ix_subscription_tag_tag",
        "subscription_tag",
        ["newsletter_id", "tag", "subscriber_id"],
        unique=False,
    )
    op.create_table(
        "batch",
        sa.Column("mailing_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first_position", _ID, nullable=False),
        sa.Column("last_position", _ID, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hinted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("records", sa.Integer(), server_default="0", nullable=False),
        sa.Column("leased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("variant", _ID, server_default="0", nullable=False),
        sa.Column("dated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("correction", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailing.id"], name=op.f("fk_batch_mailing_id")),
        sa.PrimaryKeyConstraint("mailing_id", "number", name=op.f("pk_batch")),
    )
    op.create_index("ix_batch_state_due_at", "batch", ["state", "due_at"], unique=False)
    op.create_table(
        "bounce",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("newsletter_id", _ID, nullable=True),
        sa.Column("mailing_id", _ID, nullable=True),
        sa.Column("subscriber_id", _ID, nullable=True),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("domain", sa.String(length=255), server_default="", nullable=False),
        sa.Column("reader", sa.String(length=64), server_default="", nullable=False),
        sa.Column("return_path", sa.String(length=320), server_default="", nullable=False),
        sa.Column("message_id", sa.String(length=255), server_default="", nullable=False),
        sa.Column("feedback_id", sa.String(length=255), server_default="", nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proven", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailing.id"], name=op.f("fk_bounce_mailing_id")),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_bounce_newsletter_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_bounce_subscriber_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounce")),
        sa.UniqueConstraint("event_id", name=op.f("uq_bounce_event_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_bounce_address", "bounce", ["address"], unique=False)
    op.create_index(
        "ix_bounce_domain_occurred_at", "bounce", ["domain", "occurred_at"], unique=False
    )
    op.create_index("ix_bounce_mailing_id", "bounce", ["mailing_id"], unique=False)
    op.create_index("ix_bounce_occurred_at", "bounce", ["occurred_at"], unique=False)
    op.create_index(
        "ix_bounce_raw_kept",
        "bounce",
        ["occurred_at"],
        unique=False,
        sqlite_where=sa.text("raw <> ''"),
        postgresql_where=sa.text("raw <> ''"),
    )
    op.create_index(
        "ix_bounce_subscriber_id_occurred_at",
        "bounce",
        ["subscriber_id", "occurred_at"],
        unique=False,
    )
    op.create_index(
        "ix_bounce_unjudged",
        "bounce",
        ["id"],
        unique=False,
        sqlite_where=sa.text("judged_at IS NULL"),
        postgresql_where=sa.text("judged_at IS NULL"),
    )
    op.create_table(
        "delivery",
        sa.Column("mailing_id", sa.Integer(), nullable=False),
        sa.Column("position", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("queue_id", sa.String(length=128), nullable=True),
        sa.Column("transport", sa.String(length=128), nullable=True),
        sa.Column("breaks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("correction", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("doubted", sa.SmallInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_delivery_mailing_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_delivery_subscriber_id")
        ),
        sa.PrimaryKeyConstraint("mailing_id", "position", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "mailing_id", "subscriber_id", name=op.f("uq_delivery_mailing_id_subscriber_id")
        ),
    )
    op.create_index(
        "ix_delivery_attention",
        "delivery",
        ["state", "mailing_id"],
        unique=False,
        sqlite_where=sa.text("state IN ('deferred', 'failed', 'rejected', 'uncertain')"),
        postgresql_where=sa.text("state IN ('deferred', 'failed', 'rejected', 'uncertain')"),
    )
    op.create_index(op.f("ix_delivery_subscriber_id"), "delivery", ["subscriber_id"], unique=False)
    op.create_table(
        "link_check",
        sa.Column("draft_id", _ID, autoincrement=False, nullable=False),
        sa.Column("urls", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("results", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["draft.id"], name=op.f("fk_link_check_draft_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("draft_id", name=op.f("pk_link_check")),
    )
    op.create_table(
        "draft_revision",
        sa.Column("draft_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["draft.id"], name=op.f("fk_draft_revision_draft_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("draft_id", "number", name=op.f("pk_draft_revision")),
    )
    op.create_table(
        "translation_revision",
        sa.Column("draft_id", _ID, nullable=False),
        sa.Column("language", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"],
            ["draft.id"],
            name=op.f("fk_translation_revision_draft_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "draft_id", "language", "number", name=op.f("pk_translation_revision")
        ),
    )
    op.create_table(
        "mailing_content",
        sa.Column("mailing_id", _ID, nullable=False),
        sa.Column(
            "correction", sa.Integer(), autoincrement=False, server_default="0", nullable=False
        ),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_mailing_content_mailing_id")
        ),
        sa.PrimaryKeyConstraint("mailing_id", "correction", name=op.f("pk_mailing_content")),
    )
    op.create_table(
        "mailing_variant",
        sa.Column("mailing_id", _ID, nullable=False),
        sa.Column(
            "correction", sa.Integer(), autoincrement=False, server_default="0", nullable=False
        ),
        sa.Column("variant", _ID, autoincrement=False, nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_mailing_variant_mailing_id")
        ),
        sa.PrimaryKeyConstraint(
            "mailing_id", "correction", "variant", name=op.f("pk_mailing_variant")
        ),
    )
    op.create_table(
        "mailing_link",
        sa.Column("mailing_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("subject", sa.Integer(), server_default="0", nullable=False),
        sa.Column("clicks", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_mailing_link_mailing_id")
        ),
        sa.PrimaryKeyConstraint("mailing_id", "number", name=op.f("pk_mailing_link")),
    )
    op.create_table(
        "subject_trial",
        sa.Column("mailing_id", _ID, nullable=False),
        sa.Column("subjects", sa.JSON(), nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("decide_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("chosen", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.String(32), nullable=True),
        sa.Column("decided_by", sa.Text(), server_default="", nullable=False),
        sa.Column("results", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_subject_trial_mailing_id")
        ),
        sa.PrimaryKeyConstraint("mailing_id", name=op.f("pk_subject_trial")),
    )
    op.create_index(
        op.f("ix_subject_trial_decided_at"), "subject_trial", ["decided_at"], unique=False
    )
    op.create_table(
        "mailing_order",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("mailing_id", _ID, nullable=False),
        sa.Column("ordered_by", _ID, nullable=True),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("orderer", sa.String(length=320), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_mailing_order_mailing_id")
        ),
        sa.ForeignKeyConstraint(
            ["ordered_by"], ["account.id"], name=op.f("fk_mailing_order_ordered_by")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_mailing_order")),
    )
    op.create_index(
        op.f("ix_mailing_order_mailing_id"), "mailing_order", ["mailing_id"], unique=False
    )
    op.create_table(
        "growth",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("cause", sa.String(32), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_growth_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_growth")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_growth_newsletter_id_day", "growth", ["newsletter_id", "day"], unique=False)
    op.create_table(
        "unsubscribe_event",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.Column("mailing_id", _ID, nullable=True),
        sa.Column("way", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(32), nullable=True),
        sa.Column("remark", sa.Text(), server_default="", nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_unsubscribe_event_mailing_id")
        ),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_unsubscribe_event_newsletter_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_unsubscribe_event_subscriber_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unsubscribe_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_unsubscribe_event_mailing_id"), "unsubscribe_event", ["mailing_id"], unique=False
    )
    op.create_index(
        op.f("ix_unsubscribe_event_subscriber_id"),
        "unsubscribe_event",
        ["subscriber_id"],
        unique=False,
    )
    op.create_table(
        "bounce_decision",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("bounce_id", _ID, nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("suppression_id", _ID, nullable=True),
        sa.Column("unsubscribed", sa.Boolean(), nullable=False),
        sa.Column("incident_id", _ID, nullable=True),
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
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_bounce_decision_asked",
        "bounce_decision",
        ["id"],
        unique=False,
        sqlite_where=sa.text("action = 'asked'"),
        postgresql_where=sa.text("action = 'asked'"),
    )
    op.create_index(
        op.f("ix_bounce_decision_bounce_id"), "bounce_decision", ["bounce_id"], unique=False
    )
    op.create_index(
        op.f("ix_bounce_decision_incident_id"), "bounce_decision", ["incident_id"], unique=False
    )
    op.create_index(
        op.f("ix_bounce_decision_suppression_id"),
        "bounce_decision",
        ["suppression_id"],
        unique=False,
    )
    op.create_index(
        "uq_role_grant",
        "role_grant",
        ["account_id", "role", sa.text("coalesce(newsletter_id, 0)")],
        unique=True,
    )
    op.create_index(
        "uq_suppression_address_key",
        "suppression",
        ["address_key", sa.text("coalesce(newsletter_id, 0)")],
        unique=True,
    )
    op.create_table(
        "digest_rule",
        sa.Column("newsletter_id", _ID, autoincrement=False, nullable=False),
        sa.Column("frequency", sa.String(32), nullable=False),
        sa.Column("offered", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("hour", sa.String(length=5), nullable=False),
        sa.Column("everywhere", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("halt_reason", sa.Text(), nullable=False),
        sa.Column("introduction", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.String(32), nullable=False),
        sa.Column("template", sa.String(length=64), server_default="", nullable=False),
        sa.Column("next_on", sa.Date(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_digest_rule_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("newsletter_id", "frequency", name=op.f("pk_digest_rule")),
    )
    op.create_index(op.f("ix_digest_rule_due_at"), "digest_rule", ["due_at"], unique=False)
    op.create_table(
        "digest",
        sa.Column("mailing_id", _ID, autoincrement=False, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("frequency", sa.String(32), nullable=False),
        sa.Column("period", sa.Date(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailing.id"], name=op.f("fk_digest_mailing_id")),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_digest_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("mailing_id", name=op.f("pk_digest")),
        sa.UniqueConstraint(
            "newsletter_id",
            "frequency",
            "period",
            name=op.f("uq_digest_newsletter_id_frequency_period"),
        ),
    )
    op.create_table(
        "digest_entry",
        sa.Column("mailing_id", _ID, autoincrement=False, nullable=False),
        sa.Column("subscriber_id", _ID, autoincrement=False, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("frequency", sa.String(32), nullable=False),
        sa.Column("digest_mailing_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["digest_mailing_id"], ["mailing.id"], name=op.f("fk_digest_entry_digest_mailing_id")
        ),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_digest_entry_mailing_id")
        ),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_digest_entry_newsletter_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_digest_entry_subscriber_id")
        ),
        sa.PrimaryKeyConstraint("mailing_id", "subscriber_id", name=op.f("pk_digest_entry")),
    )
    op.create_index(
        op.f("ix_digest_entry_subscriber_id"), "digest_entry", ["subscriber_id"], unique=False
    )
    op.create_index(
        "ix_digest_entry_waiting",
        "digest_entry",
        ["newsletter_id", "frequency", "digest_mailing_id", "mailing_id"],
        unique=False,
    )
    op.create_index(
        "ix_digest_entry_digest",
        "digest_entry",
        ["digest_mailing_id", "subscriber_id"],
        unique=False,
    )
    op.create_table(
        "join_invitation",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=200), server_default="", nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), server_default="0", nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("author", sa.String(length=320), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_join_invitation_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_join_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_join_invitation_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_join_invitation_newsletter_id"), "join_invitation", ["newsletter_id"], unique=False
    )
    _guard_audit_log()
    _create_word_index()
    _create_person_words()
    _create_series()


def _create_word_index() -> None:
    """Create the index of letters, in the form of each database; see `newsletter.issues`."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TABLE word_index (what smallint NOT NULL, number bigint NOT NULL,"
            " letters text[] NOT NULL, CONSTRAINT pk_word_index PRIMARY KEY (what, number))"
        )
        op.execute("CREATE INDEX ix_word_index_letters ON word_index USING gin (letters)")
    else:
        op.execute(
            "CREATE VIRTUAL TABLE word_index USING fts5"
            "(letters, detail = none, columnsize = 0, tokenize = 'ascii')"
        )


#: The words of a newsletter's people as they are searched (`subscribers.search_index`): who is
#: indexed, and whose words changed since. PostgreSQL writes one row for a statement, of which an
#: import has one for thousands, also where it leaves out the checks of foreign keys: ALWAYS.
_POSTGRESQL_WORDS = (
    """CREATE TABLE person_words (subscriber_id bigint NOT NULL, newsletter_id bigint NOT NULL,
        grams integer[] NOT NULL,
        CONSTRAINT pk_person_words PRIMARY KEY (subscriber_id, newsletter_id))""",
    "CREATE INDEX ix_person_words_grams ON person_words USING gin (grams)",
    """CREATE TABLE person_words_due (id bigint GENERATED ALWAYS AS IDENTITY,
        newsletter_id bigint NOT NULL, people bigint[] NOT NULL,
        CONSTRAINT pk_person_words_due PRIMARY KEY (id))""",
    """CREATE FUNCTION person_words_added() RETURNS trigger LANGUAGE plpgsql
        SET search_path FROM CURRENT AS $$ BEGIN
        INSERT INTO person_words_due (newsletter_id, people)
            SELECT newsletter_id, array_agg(subscriber_id) FROM added
            GROUP BY newsletter_id, subscriber_id / 2000;
        RETURN NULL; END $$""",
    """CREATE FUNCTION person_words_changed() RETURNS trigger LANGUAGE plpgsql
        SET search_path FROM CURRENT SET enable_hashjoin = on AS $$ BEGIN
        WITH altered AS (
            SELECT newsletter_id, subscriber_id,
                n.name = '' AND n.attributes::text = '{}' AS emptied
            FROM changed AS n JOIN before AS b USING (newsletter_id, subscriber_id)
            WHERE n.name <> b.name OR n.attributes::text <> b.attributes::text
        ), noted AS (
            INSERT INTO person_words_due (newsletter_id, people)
            SELECT newsletter_id, array_agg(subscriber_id) FROM altered
            GROUP BY newsletter_id, subscriber_id / 2000
        )
        DELETE FROM person_words AS w USING altered AS a WHERE a.emptied
            AND w.subscriber_id = a.subscriber_id AND w.newsletter_id = a.newsletter_id;
        RETURN NULL; END $$""",
    """CREATE FUNCTION person_words_gone() RETURNS trigger LANGUAGE plpgsql
        SET search_path FROM CURRENT AS $$ BEGIN
        INSERT INTO person_words_due (newsletter_id, people)
            SELECT newsletter_id, array_agg(subscriber_id) FROM gone
            GROUP BY newsletter_id, subscriber_id / 2000;
        DELETE FROM person_words AS w USING gone AS g
            WHERE w.subscriber_id = g.subscriber_id AND w.newsletter_id = g.newsletter_id;
        RETURN NULL; END $$""",
    """CREATE FUNCTION person_words_erased() RETURNS trigger LANGUAGE plpgsql
        SET search_path FROM CURRENT AS $$ BEGIN
        INSERT INTO person_words_due (newsletter_id, people)
            SELECT newsletter_id, ARRAY[subscriber_id] FROM subscription
            WHERE subscriber_id = NEW.id;
        DELETE FROM person_words WHERE subscriber_id = NEW.id;
        RETURN NULL; END $$""",
    """CREATE TRIGGER person_words_added AFTER INSERT ON subscription
        REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION person_words_added()""",
    """CREATE TRIGGER person_words_changed AFTER UPDATE ON subscription
        REFERENCING OLD TABLE AS before NEW TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION person_words_changed()""",
    """CREATE TRIGGER person_words_gone AFTER DELETE ON subscription
        REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION person_words_gone()""",
    """CREATE TRIGGER person_words_erased AFTER UPDATE OF address_key ON subscriber
        FOR EACH ROW WHEN (NEW.address_key IS NULL) EXECUTE FUNCTION person_words_erased()""",
    "ALTER TABLE subscription ENABLE ALWAYS TRIGGER person_words_added",
    "ALTER TABLE subscription ENABLE ALWAYS TRIGGER person_words_changed",
    "ALTER TABLE subscription ENABLE ALWAYS TRIGGER person_words_gone",
    "ALTER TABLE subscriber ENABLE ALWAYS TRIGGER person_words_erased",
)
#: SQLite has triggers for rows alone. One writes at a time, so whoever is added above ``upto`` is
#: known to wait without a row. A row's number is that of the newsletter, shifted, and the person's.
#: No trigger names another table that migrations may copy: SQLite would refuse the copy its name.
_SQLITE_WORDS = (
    "CREATE TABLE person_words (id INTEGER PRIMARY KEY, words TEXT NOT NULL)",
    """CREATE VIRTUAL TABLE person_words_grams USING fts5
        (grams, content = '', detail = none, columnsize = 0, tokenize = 'ascii')""",
    """CREATE TABLE person_words_upto (newsletter_id INTEGER PRIMARY KEY,
        upto INTEGER NOT NULL)""",
    """CREATE TABLE person_words_due (newsletter_id INTEGER NOT NULL,
        subscriber_id INTEGER NOT NULL, PRIMARY KEY (newsletter_id, subscriber_id))
        WITHOUT ROWID""",
    """CREATE TRIGGER person_words_put AFTER INSERT ON person_words BEGIN
        INSERT INTO person_words_grams (rowid, grams) VALUES (NEW.id, fts_text(NEW.words)); END""",
    """CREATE TRIGGER person_words_taken AFTER DELETE ON person_words BEGIN
        INSERT INTO person_words_grams (person_words_grams, rowid, grams)
            VALUES ('delete', OLD.id, fts_text(OLD.words)); END""",
    """CREATE TRIGGER person_words_added AFTER INSERT ON subscription
        WHEN NEW.subscriber_id <= (SELECT upto FROM person_words_upto
            WHERE newsletter_id = NEW.newsletter_id) BEGIN
        INSERT OR IGNORE INTO person_words_due VALUES (NEW.newsletter_id, NEW.subscriber_id);
        END""",
    """CREATE TRIGGER person_words_changed AFTER UPDATE OF name, attributes ON subscription
        WHEN NEW.name <> OLD.name OR NEW.attributes <> OLD.attributes BEGIN
        INSERT OR IGNORE INTO person_words_due VALUES (NEW.newsletter_id, NEW.subscriber_id);
        DELETE FROM person_words WHERE NEW.name = '' AND NEW.attributes = '{}'
            AND id = (NEW.newsletter_id << 40) + NEW.subscriber_id; END""",
    """CREATE TRIGGER person_words_gone AFTER DELETE ON subscription BEGIN
        DELETE FROM person_words WHERE id = (OLD.newsletter_id << 40) + OLD.subscriber_id; END""",
    """CREATE TRIGGER person_words_erased AFTER UPDATE OF address_key ON subscriber
        WHEN NEW.address_key IS NULL BEGIN
        DELETE FROM person_words WHERE id IN (
            SELECT (newsletter_id << 40) + NEW.id FROM person_words_upto); END""",
)


def _create_person_words() -> None:
    """Create the index of what people are searched by, kept true by the database itself."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _POSTGRESQL_WORDS if is_postgresql else _SQLITE_WORDS:
        op.execute(statement)


def _create_series() -> None:
    op.create_table(
        "series",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("trigger", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("yearly", sa.Boolean(), nullable=False),
        sa.Column("offset_days", sa.Integer(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("halt_reason", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("activated_on", sa.Date(), nullable=True),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletter.id"], name=op.f("fk_series_newsletter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("newsletter_id", "name", name=op.f("uq_series_newsletter_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "series_step",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("series_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("draft_id", _ID, nullable=True),
        sa.Column("delay_days", sa.Integer(), nullable=False),
        sa.Column("hour", sa.String(length=5), nullable=False),
        sa.Column("own_clock", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("draft_revision", sa.Integer(), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["draft.id"], name=op.f("fk_series_step_draft_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_series_step_series_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series_step")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_series_step_draft_id"), "series_step", ["draft_id"], unique=False)
    op.create_index(op.f("ix_series_step_series_id"), "series_step", ["series_id"], unique=False)
    op.create_table(
        "series_enrolment",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("series_id", _ID, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("member_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("ended_because", sa.String(32), nullable=True),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=True),
        sa.Column("step_id", _ID, nullable=True),
        sa.Column("planned_for", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["newsletter_id", "subscriber_id"],
            ["subscription.newsletter_id", "subscription.subscriber_id"],
            name=op.f("fk_series_enrolment_newsletter_id_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_series_enrolment_series_id")
        ),
        sa.ForeignKeyConstraint(
            ["step_id"], ["series_step.id"], name=op.f("fk_series_enrolment_step_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series_enrolment")),
        sa.UniqueConstraint(
            "series_id",
            "subscriber_id",
            "event",
            name=op.f("uq_series_enrolment_series_id_subscriber_id_event"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_series_enrolment_due",
        "series_enrolment",
        ["step_id", "due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_index(
        "ix_series_enrolment_reader",
        "series_enrolment",
        ["subscriber_id", "newsletter_id"],
        unique=False,
    )
    op.create_table(
        "series_mailing",
        sa.Column("step_id", _ID, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mailing_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_series_mailing_mailing_id")
        ),
        sa.ForeignKeyConstraint(
            ["step_id"], ["series_step.id"], name=op.f("fk_series_mailing_step_id")
        ),
        sa.PrimaryKeyConstraint("step_id", "version", "part", name=op.f("pk_series_mailing")),
        sa.UniqueConstraint("mailing_id", name=op.f("uq_series_mailing_mailing_id")),
    )
    op.create_table(
        "series_copy",
        sa.Column("enrolment_id", _ID, autoincrement=False, nullable=False),
        sa.Column("step_id", _ID, nullable=False),
        sa.Column("newsletter_id", _ID, nullable=False),
        sa.Column("subscriber_id", _ID, nullable=False),
        sa.Column("mailing_id", _ID, nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"],
            ["series_enrolment.id"],
            name=op.f("fk_series_copy_enrolment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["mailing_id"], ["mailing.id"], name=op.f("fk_series_copy_mailing_id")
        ),
        sa.ForeignKeyConstraint(
            ["step_id"], ["series_step.id"], name=op.f("fk_series_copy_step_id")
        ),
        sa.PrimaryKeyConstraint("enrolment_id", "step_id", name=op.f("pk_series_copy")),
    )
    op.create_index(
        "ix_series_copy_day", "series_copy", ["newsletter_id", "subscriber_id", "day"], unique=False
    )


def downgrade() -> None:
    op.drop_table("word_index")
    for table in reversed(_TABLES):
        op.drop_table(table)
    op.drop_table("person_words")
    op.drop_table("person_words_due")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_event_is_append_only()")
        for what in ("added", "changed", "gone", "erased"):
            op.execute(f"DROP FUNCTION person_words_{what}()")
    else:
        op.drop_table("person_words_grams")
        op.drop_table("person_words_upto")
