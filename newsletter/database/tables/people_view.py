"""How each of the staff sees the people of a newsletter."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId


class PeopleViewRow(Base):
    """Which columns one account chose for one newsletter's list; without a row, the usual ones.

    Attributes:
        columns: Their names (`subscribers.listing`), in the order of the list.
    """

    __tablename__ = "people_view"

    account_id: Mapped[int] = mapped_column(BigId, ForeignKey("account.id"), primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"), primary_key=True)
    columns: Mapped[list[str]] = mapped_column(JSON())
