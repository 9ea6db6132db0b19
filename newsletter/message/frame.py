"""The frame: a rendered issue as octets, which makes one recipient's message by joining."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from newsletter.errors import MessageError
from newsletter.message import headers
from newsletter.message.base64_body import Base64Body
from newsletter.message.dkim import DkimKey, HeaderSigner
from newsletter.rendering.model import RenderedIssue, Slot, SlotUse
from newsletter.rendering.slots import fill


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who sends: what a newsletter puts into every message's header.

    Attributes:
        list_id: RFC 2919, without angle brackets.
        unsubscribe_address: Takes unsubscribe requests by mail (RFC 2369).
        transactional: For one person who asked for it: automatic (RFC 3834), and of no list.
        feedback_id: Gmail's Feedback-ID, up to four fields joined by colons.
    """

    from_name: str
    from_address: str
    reply_to: str
    list_id: str
    list_name: str
    unsubscribe_address: str
    feedback_id: str
    transactional: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """Whom one message goes to, and what its slots hold.

    Attributes:
        unsubscribe_url: Takes one-click POSTs (RFC 8058).
        unsubscribe_token: Marks a mail to the unsubscribe address as this person's.
        html: False for those who asked for plain text alone.
    """

    address: str
    name: str
    message_id: str
    unsubscribe_url: str
    unsubscribe_token: str
    slots: Mapping[Slot, str]
    html: bool = True


class MessageFrame:
    """Composes messages of one mailing."""

    def __init__(
        self,
        rendered: RenderedIssue,
        identity: Identity,
        *,
        date: datetime,
        boundary: str,
        keys: Sequence[DkimKey],
    ) -> None:
        self._identity = identity
        self._subject = rendered.subject
        self._text = Base64Body(rendered.text)
        self._html = Base64Body(rendered.html)
        self._boundary = boundary.encode("ascii")
        fields = self._fixed_fields(identity, date, rendered.language.value)
        self._personal_subject = any(isinstance(part, SlotUse) for part in rendered.subject)
        if not self._personal_subject:
            fields.append(headers.unstructured("Subject", fill(rendered.subject, {})))
        alternative = b'Content-Type: multipart/alternative; boundary="%b"\r\n' % self._boundary
        self._fixed = b"".join(fields)
        self._html_type = alternative
        self._html_signer = HeaderSigner(keys, [*fields, alternative]) if keys else None
        self._text_signer = HeaderSigner(keys, [*fields, *_TEXT_HEAD]) if keys else None

    @classmethod
    def compile(
        cls,
        rendered: RenderedIssue,
        identity: Identity,
        *,
        date: datetime,
        keys: Sequence[DkimKey] = (),
    ) -> MessageFrame:
        """Compile; ``date`` is the Date of every message, aware.

        Of the keys, those that sign for the sender's domain are used, each for one signature.

        Raises:
            MessageError: A header value is impossible.
        """
        # Base64 holds no "=_", so the boundary cannot occur in a body.
        digest = hashlib.sha256(repr(rendered.text).encode()).hexdigest()[:24]
        domain = identity.from_address.rpartition("@")[2].lower()
        return cls(
            rendered,
            identity,
            date=date,
            boundary=f"=_{digest}",
            keys=[key for key in keys if key.signs_for(domain)],
        )

    @staticmethod
    def _fixed_fields(identity: Identity, date: datetime, language: str) -> list[bytes]:
        fields = [
            headers.mailbox("From", identity.from_name, identity.from_address),
            headers.field("Date", format_datetime(date)),
            headers.field("Feedback-ID", identity.feedback_id),
            headers.field("Content-Language", language),
            headers.field("MIME-Version", "1.0"),
        ]
        if identity.transactional:
            fields.append(headers.field("Auto-Submitted", "auto-generated"))
        else:
            fields.append(headers.mailbox("List-Id", identity.list_name, identity.list_id))
            fields.append(headers.field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
        if identity.reply_to:
            fields.append(headers.mailbox("Reply-To", "", identity.reply_to))
        return fields

    def compose(self, recipient: Recipient) -> bytes:
        """Return one recipient's message: CRLF lines of at most 998 octets, none with a dot first.

        Raises:
            MessageError: A value of the recipient cannot stand in a header.
        """

        def value(slot: Slot) -> str:
            return recipient.slots.get(slot, "")

        varying = [
            headers.mailbox("To", recipient.name, recipient.address),
            headers.field("Message-ID", f"<{recipient.message_id}>"),
        ]
        if not self._identity.transactional:
            varying.append(self._list_unsubscribe(recipient))
        if self._personal_subject:
            subject = fill(self._subject, recipient.slots)
            varying.append(headers.unstructured("Subject", subject))
        body: list[bytes] = []
        if recipient.html:
            types, signer = self._html_type, self._html_signer
            self._append_alternative(body, value)
        else:
            types, signer = b"".join(_TEXT_HEAD), self._text_signer
            self._text.append_to(body, value)
        signature = signer.fields(varying, body) if signer else b""
        return b"".join([signature, *varying, self._fixed, types, b"\r\n", *body])

    def _append_alternative(self, out: list[bytes], value: Callable[[Slot], str]) -> None:
        line = b"--" + self._boundary
        out.append(line + b"\r\n" + b"".join(_TEXT_HEAD) + b"\r\n")
        self._text.append_to(out, value)
        out.append(b"\r\n" + line + b"\r\n" + _HTML_HEAD + b"\r\n")
        self._html.append_to(out, value)
        out.append(b"\r\n" + line + b"--\r\n")

    def _list_unsubscribe(self, recipient: Recipient) -> bytes:
        """Return the field of RFC 2369; the URL stands plain, on a line of its own."""
        url = headers.check_value("List-Unsubscribe", recipient.unsubscribe_url)
        if not url.isascii() or set(url) & set(" <>,"):
            raise MessageError("The unsubscribe link cannot stand in a header.")
        mailto = f"mailto:{self._identity.unsubscribe_address}?subject=unsubscribe%20"
        return (
            f"List-Unsubscribe: <{url}>,\r\n <{mailto}{recipient.unsubscribe_token}>\r\n"
        ).encode("ascii")


_TEXT_HEAD = (
    b"Content-Type: text/plain; charset=utf-8\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
)
_HTML_HEAD = b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
