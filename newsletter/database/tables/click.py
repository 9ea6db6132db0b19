"""Links whose clicks a mailing counts: a sum a link, with nobody's name to it."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base


class MailingLinkRow(Base):
    """A link of a mailing; ``number`` counts from 1 in the order of reading.

    Where subjects are compared, a link has a number for each, and ``subject`` says for which.
    """

    __tablename__ = "mailing_link"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    url: Mapped[str] = mapped_column(Text)
    subject: Mapped[int] = mapped_column(default=0, server_default="0")
    clicks: Mapped[int] = mapped_column(default=0, server_default="0")
