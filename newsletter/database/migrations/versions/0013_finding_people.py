"""find people by how an address or a name begins, and by tag."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # Ordered by octets, an index answers how a text begins; a language's order cannot.
        for name, length in (("address_key", 320), ("name", 200)):
            op.alter_column("subscriber", name, type_=sa.String(length, collation="C"))
    op.create_index("ix_subscriber_name", "subscriber", ["name", "id"])
    op.drop_index("ix_subscriber_tag_tag", table_name="subscriber_tag")
    op.create_index("ix_subscriber_tag_tag", "subscriber_tag", ["tag", "subscriber_id"])


def downgrade() -> None:
    op.drop_index("ix_subscriber_tag_tag", table_name="subscriber_tag")
    op.create_index("ix_subscriber_tag_tag", "subscriber_tag", ["tag"])
    op.drop_index("ix_subscriber_name", table_name="subscriber")
    if op.get_bind().dialect.name == "postgresql":
        for name, length in (("address_key", 320), ("name", 200)):
            op.alter_column("subscriber", name, type_=sa.String(length))
