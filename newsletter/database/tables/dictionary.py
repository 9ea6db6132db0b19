"""A newsletter's own dictionary: words that are right in its issues."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, now

#: Characters of a word.
LONGEST_WORD = 80


class DictionaryWordRow(Base):
    """One word, as it was written when it was added.

    Attributes:
        folded: What issues are compared with (`newsletter.issues.checks.spelling.folded_word`).
    """

    __tablename__ = "dictionary_word"

    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"), primary_key=True)
    folded: Mapped[str] = mapped_column(String(LONGEST_WORD), primary_key=True)
    word: Mapped[str] = mapped_column(String(LONGEST_WORD))
    added_at: Mapped[Instant] = mapped_column(default=now)
