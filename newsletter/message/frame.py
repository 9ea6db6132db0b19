"""The message frame: a rendered issue as octets; joining makes one recipient's message."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from newsletter.errors import MessageError
from newsletter.i18n.messages import msg
from newsletter.message import headers
from newsletter.message.base64_body import Base64Body
from newsletter.message.dkim import DkimKey, HeaderSigner
from newsletter.rendering.model import RenderedIssue, SlotUse
from newsletter.rendering.slots import fill, in_language


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """The sender: values of a newsletter in the header of each message.

    Attributes:
        list_id: RFC 2919, without angle brackets.
        unsubscribe_address: Address for unsubscribe requests by mail (RFC 2369).
        transactional: Whether one person asked for the message: it is automatic (RFC 3834), and
            belongs to no list.
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
    """The recipient of one message, with the values of its slots.

    Attributes:
        unsubscribe_url: URL that accepts one-click POSTs (RFC 8058).
        unsubscribe_token: Identifies this person in a mail to the unsubscribe address.
        html: False for recipients who asked for plain text only.
    """

    address: str
    name: str
    message_id: str
    unsubscribe_url: str
    unsubscribe_token: str
    slots: Mapping[str, str]
    html: bool = True


class MessageFrame:
    """Composes the messages of one mailing."""

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
        self._subject = in_language(rendered.subject)
        self._text = Base64Body(in_language(rendered.text))
        self._html = Base64Body(in_language(rendered.html))
        fields = self._fixed_fields(identity, date, rendered.tag)
        self._personal_subject = any(isinstance(part, SlotUse) for part in self._subject)
        if not self._personal_subject:
            fields.append(headers.unstructured("Subject", fill(rendered.subject, {})))
        self._unsubscribe_mailto = f"mailto:{identity.unsubscribe_address}?subject=unsubscribe%20"
        line = f"--{boundary}".encode("ascii")
        alternative = b'Content-Type: multipart/alternative; boundary="%b"\r\n' % line[2:]
        text_head = b"".join(_TEXT_HEAD)
        self._html_head = b"".join([*fields, alternative, b"\r\n"])
        self._text_head = b"".join([*fields, text_head, b"\r\n"])
        self._before_text = line + b"\r\n" + text_head + b"\r\n"
        self._before_html = b"\r\n" + line + b"\r\n" + _HTML_HEAD + b"\r\n"
        self._after_html = b"\r\n" + line + b"--\r\n"
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
        """Compile a frame; ``date`` is the Date of each message, with a time zone.

        Each key that signs for the sender's domain makes one signature; other keys are left out.

        Raises:
            MessageError: A value is not allowed in a header.
        """
        # Base64 has no "=_", so the boundary cannot occur in a body.
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
        if identity.reply_to:
            fields.append(headers.mailbox("Reply-To", "", identity.reply_to))
        return fields

    def compose(self, recipient: Recipient) -> bytes:
        """Return one recipient's message: see `pieces`."""
        return b"".join(self.pieces(recipient))

    def pieces(self, recipient: Recipient) -> list[bytes]:
        """Return one recipient's message in pieces, for a socket to join.

        Lines end in CRLF, have at most 998 octets, and do not begin with a dot.

        Raises:
            MessageError: A value of the recipient is not allowed in a header.
        """
        slots = recipient.slots
        varying = [
            headers.mailbox("To", recipient.name, recipient.address),
            headers.field("Message-ID", f"<{recipient.message_id}>"),
        ]
        if not self._identity.transactional:
            varying.append(self._list_unsubscribe(recipient))
            # RFC 8058 section 3.1: one-click unsubscribing requires an https URL.
            if recipient.unsubscribe_url.startswith("https:"):
                varying.append(_ONE_CLICK)
        if self._personal_subject:
            varying.append(headers.unstructured("Subject", fill(self._subject, slots)))
        body: list[bytes] = []
        if recipient.html:
            head, signer = self._html_head, self._html_signer
            body.append(self._before_text)
            self._text.append_to(body, slots)
            body.append(self._before_html)
            self._html.append_to(body, slots)
            body.append(self._after_html)
        else:
            head, signer = self._text_head, self._text_signer
            self._text.append_to(body, slots)
        if signer:
            varying.insert(0, signer.fields(varying, body))
        return [*varying, head, *body]

    def _list_unsubscribe(self, recipient: Recipient) -> bytes:
        """Return the field of RFC 2369; the URL is not encoded, and is on a line of its own."""
        url = recipient.unsubscribe_url
        if not (url.isascii() and url.isprintable()) or _ENDS_URL.search(url):
            raise MessageError(msg("The unsubscribe link is not fit for a header."))
        token = recipient.unsubscribe_token
        # RFC 5322 section 2.1.1: a line should have at most 78 characters, its comma included.
        gap = " " if len(url) <= _LONGEST_BESIDE_NAME else "\r\n "
        mailto = f"{self._unsubscribe_mailto}{token}"
        return f"List-Unsubscribe:{gap}<{url}>,\r\n <{mailto}>\r\n".encode("ascii")


_ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
_LONGEST_BESIDE_NAME = 78 - len("List-Unsubscribe: <>,")
_ENDS_URL = re.compile("[ <>,]")
_TEXT_HEAD = (
    b"Content-Type: text/plain; charset=utf-8\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
)
_HTML_HEAD = b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
