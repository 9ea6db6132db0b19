"""what a mailing's issue was called when it was made; cancelled mailings that never began."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_COLUMNS = ("title", "issue_date", "issue_number", "summary")
_ROWS = 200


def upgrade() -> None:
    with op.batch_alter_table("mailing") as batch_op:
        batch_op.add_column(sa.Column("title", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("issue_date", sa.Date()))
        batch_op.add_column(sa.Column("issue_number", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("summary", sa.Text(), server_default="", nullable=False))
    _name_mailings(op.get_bind())
    op.execute(
        "UPDATE mailing SET started_at = NULL WHERE state = 'cancelled' AND NOT EXISTS ("
        "SELECT 1 FROM delivery WHERE delivery.mailing_id = mailing.id "
        "AND delivery.state IN ('sending', 'accepted', 'uncertain'))"
    )


def _name_mailings(connection: sa.Connection) -> None:
    """Name each mailing by its issue, but for the title: the frozen subject still holds it."""
    mailing = sa.table(
        "mailing",
        sa.column("id", sa.Integer),
        sa.column("issue_id", sa.Integer),
        sa.column("title", sa.Text),
        sa.column("issue_date", sa.Date),
        sa.column("issue_number", sa.Text),
        sa.column("summary", sa.Text),
    )
    issue = sa.table(
        "issue",
        sa.column("id", sa.Integer),
        sa.column("title", sa.Text),
        sa.column("issue_date", sa.Date),
        sa.column("content", sa.JSON),
    )
    content = sa.table(
        "mailing_content", sa.column("mailing_id", sa.Integer), sa.column("payload", sa.Text)
    )
    last = 0
    while True:
        rows = connection.execute(
            sa.select(
                mailing.c.id, issue.c.title, issue.c.issue_date, issue.c.content, content.c.payload
            )
            .join(issue, issue.c.id == mailing.c.issue_id)
            .outerjoin(content, content.c.mailing_id == mailing.c.id)
            .where(mailing.c.id > last)
            .order_by(mailing.c.id)
            .limit(_ROWS)
        ).all()
        if not rows:
            return
        for row in rows:
            connection.execute(
                mailing.update()
                .where(mailing.c.id == row.id)
                .values(
                    title=_subject(row.payload) or row.title,
                    issue_date=row.issue_date,
                    issue_number=str(row.content.get("number") or ""),
                    summary=str(row.content.get("preheader") or ""),
                )
            )
        last = rows[-1].id


def _subject(payload: str | None) -> str:
    """Return a frozen subject that is the same for all readers; empty for any other."""
    parts = json.loads(payload or "{}").get("rendered", {}).get("subject", [])
    words = [part for part in parts if isinstance(part, str)]
    return "".join(words).removeprefix("[test] ") if len(words) == len(parts) else ""


def downgrade() -> None:
    with op.batch_alter_table("mailing") as batch_op:
        for name in _COLUMNS:
            batch_op.drop_column(name)
