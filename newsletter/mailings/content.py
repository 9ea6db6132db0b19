"""What a mailing sends, frozen when it was made: it stays so whatever becomes of the issue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import MailingContentRow
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg
from newsletter.message.frame import Identity
from newsletter.rendering.model import RenderedIssue
from newsletter.tokens import Purpose, TokenSigner

_PATHS = {
    Purpose.CONFIRM: "c",
    Purpose.PREFERENCES: "p",
    Purpose.ACCOUNT: "welcome",
    Purpose.ADDRESS_CHANGE: "address",
    Purpose.ADDRESS_CHANGE_UNDO: "address/undo",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeAction:
    """Where the button of a notice leads, as numbers.

    The link itself is signed when the message is composed. Whoever reads the database, a dump or a
    replica of it, could otherwise follow it in the recipient's place.
    """

    purpose: Purpose
    numbers: tuple[int, ...]

    def url(self, public_url: str, signer: TokenSigner) -> str:
        """Return the link."""
        return f"{public_url}/{_PATHS[self.purpose]}/{signer.sign(self.purpose, *self.numbers)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """As whom mail goes out.

    Attributes:
        bounce_address: Where bounces go; empty for the null return path.
    """

    name: str
    address: str
    reply_to: str
    bounce_address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MailingContent:
    """The rendered issue with the sender as it was then.

    Attributes:
        bounce_address: Where bounces go; empty for the null return path.
        date: Every message's Date.
        counts_clicks: Whether its links lead through ours.
        action: Where the button of a notice leads; None for what has none of its own.
    """

    newsletter_id: int
    rendered: RenderedIssue
    identity: Identity
    bounce_address: str
    message_id_domain: str
    date: datetime
    counts_clicks: bool = False
    action: NoticeAction | None = None


_ADAPTER: TypeAdapter[MailingContent] = TypeAdapter(MailingContent)


def save_content(session: Session, mailing_id: int, content: MailingContent) -> None:
    """Freeze a mailing's content."""
    payload = _ADAPTER.dump_json(content).decode()
    session.add(MailingContentRow(mailing_id=mailing_id, payload=payload))


def load_content(session: Session, mailing_id: int) -> MailingContent:
    """Return a mailing's frozen content.

    Raises:
        NotFoundError: There is no such mailing.
    """
    payload = session.scalar(
        select(MailingContentRow.payload).where(MailingContentRow.mailing_id == mailing_id)
    )
    if payload is None:
        raise NotFoundError(msg("There is no mailing {mailing}.", mailing=mailing_id))
    return _ADAPTER.validate_json(payload)
