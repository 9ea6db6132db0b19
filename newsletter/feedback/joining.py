"""Joining by mail: an empty message to ``join+NEWSLETTER@…`` requests the confirmation mail.

The answer is sent to the From address, under the same limits as for a form. Mail from programs is
never answered (RFC 3834), so that two programs cannot answer each other without end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

from sqlalchemy import Engine

from newsletter.addresses import Address, parse_address
from newsletter.bounces.addresses import find_addresses, is_system
from newsletter.bounces.mail import Headers, Mail
from newsletter.database.engine import reading
from newsletter.database.tables import NewsletterRow
from newsletter.errors import ForbiddenError, ListError, NotFoundError
from newsletter.mailings.notices.join_requests import Applicant, Evidence, JoinRequests
from newsletter.newsletters.publications import find_newsletter, join_address, list_newsletters
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from subscribers.joining import BY_MAIL, Origin, consent_wording

_LOCAL = re.compile(r"join\+([a-z0-9][a-z0-9-]{0,63})", re.IGNORECASE)
#: Headers in which servers record the recipient, the most reliable first.
_RECIPIENTS = ("delivered-to", "x-original-to", "envelope-to", "to", "cc")
#: Maximum number of recipients that are tried. Each needs a query, and headers can hold thousands.
_MOST_RECIPIENTS = 50
#: Local parts that are never answered (RFC 3834, section 2).
_NOT_ANSWERED = re.compile(r"owner-.*|.*-(?:request|owner|bounces?)|no-?reply|bounces?(?:[+=-].*)?")
_PRECEDENCE = frozenset({"bulk", "junk", "list", "auto_reply", "auto-reply"})
_OF_PROGRAMS = ("x-auto-response-suppress", "x-autoreply", "x-autorespond", "x-loop", "feedback-id")
#: RFC 8601: the result of one method, with the identity that was checked.
_DMARC_PASS = re.compile(r"\s*dmarc\s*=\s*pass\b(?P<of>.*)", re.IGNORECASE | re.DOTALL)
_JUDGED = re.compile(r"header\.from\s*=\s*(?:[^\s@]*@)?(\S+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class JoiningByMail:
    """Receives requests to join by mail.

    Attributes:
        trusted_mta: The authserv-id of the server whose Authentication-Results are believed; empty
            for none.
    """

    engine: Engine
    requests: JoinRequests
    trusted_mta: str = ""

    @classmethod
    def of(cls, settings: Settings, engine: Engine, signer: TokenSigner) -> JoiningByMail | None:
        """Return the receiver by the settings; None if they do not allow joining by mail."""
        if not settings.join_by_mail:
            return None
        requests = JoinRequests.of(settings, engine, signer)
        return cls(engine=engine, requests=requests, trusted_mta=settings.join_trusted_mta)

    def newsletter_at(self, address: str) -> NewsletterRow | None:
        """Return the newsletter whose joining address this is, or None."""
        local, _, domain = address.rpartition("@")
        match = _LOCAL.fullmatch(local)
        if match is None:
            return None
        try:
            with reading(self.engine) as session:
                row = find_newsletter(session, match[1].lower())
        except NotFoundError:
            return None
        return row if join_address(row).rpartition("@")[2] == domain.lower() else None

    def requested_newsletter(self, mail: Mail, *, envelope_to: str) -> NewsletterRow | None:
        """Return the newsletter that a mail asks for, by its envelope or else its headers."""
        for address in islice(_recipients(mail, envelope_to), _MOST_RECIPIENTS):
            if (row := self.newsletter_at(address)) is not None:
                return row
        return None

    def take(
        self, mail: Mail, raw: bytes, newsletter: NewsletterRow, *, envelope_from: str | None
    ) -> bool:
        """Receive a request; return False for mail from a program, which is not answered.

        For a newsletter that is joined by invitation, the subject is the secret of the invitation.
        The same mail twice causes one confirmation. Nothing is sent if a limit forbids it, or if
        the address cannot receive mail.

        Args:
            mail: The mail.
            raw: The octets of the mail.
            newsletter: The requested newsletter.
            envelope_from: The envelope sender; None if the caller does not know it.
        """
        sender = self._sender(mail, envelope_from)
        if sender is None:
            return False
        language = newsletter.language
        try:
            self.requests.take(
                newsletter,
                Applicant(
                    address=sender,
                    origin=Origin(
                        source=f"{BY_MAIL}{join_address(newsletter)}"[:255],
                        network="",
                        wording=consent_wording(newsletter, language),
                        language=language,
                    ),
                    client=None,
                    invitation=mail.headers.get("subject").strip(),
                    evidence=Evidence(
                        message=sha256(raw).hexdigest(),
                        authenticated=self._is_authenticated(mail, sender.domain),
                    ),
                ),
            )
        except (ListError, ForbiddenError):
            return True
        return True

    def _sender(self, mail: Mail, envelope_from: str | None) -> Address | None:
        """Return the person who asks; None for a program, a list, or one of our own addresses."""
        headers = mail.headers
        if _is_from_program(headers, envelope_from):
            return None
        named = find_addresses(headers.get("from"))
        if len(headers.all("from")) != 1 or len(named) != 1:
            return None
        try:
            sender = parse_address(named[0])
        except ListError:
            return None
        local = sender.key.rpartition("@")[0]
        if is_system(sender.key) or _NOT_ANSWERED.fullmatch(local) or self._is_own(sender.key):
            return None
        return sender

    def _is_own(self, address: str) -> bool:
        with reading(self.engine) as session:
            rows = list_newsletters(session)
        own = {
            one.lower()
            for row in rows
            for one in (row.from_address, row.reply_to, row.bounce_address, row.unsubscribe_address)
        }
        return address in own or self.newsletter_at(address) is not None

    def _is_authenticated(self, mail: Mail, domain: str) -> bool:
        """Return whether the trusted server verified the From address (DMARC).

        Only the topmost field counts: the sender may have written those below.
        """
        server, *results = _unquoted(mail.headers.get("authentication-results")).split(";")
        if not self.trusted_mta or server.split()[:1] != [self.trusted_mta]:
            return False
        return any(
            (judged := _JUDGED.search(match["of"])) is not None and judged[1].lower() == domain
            for match in map(_DMARC_PASS.match, results)
            if match is not None
        )


def _unquoted(field: str) -> str:
    """Return a field without its comments and quoted strings (RFC 5322, section 3.2).

    Both may hold text chosen by the sender: the local part of an address, or a server's greeting.
    """
    kept, depth, is_quoted = [], 0, False
    signs = iter(field)
    for sign in signs:
        if sign == "\\":
            next(signs, "")
        elif sign == '"' and not depth:
            is_quoted = not is_quoted
        elif sign in "()" and not is_quoted:
            depth = max(depth + (1 if sign == "(" else -1), 0)
        elif not depth and not is_quoted:
            kept.append(sign)
    return "".join(kept)


def _is_from_program(headers: Headers, envelope_from: str | None) -> bool:
    """Return whether the headers show a program or a mailing list as sender (RFC 3834, 2)."""
    path = envelope_from
    if path is None and "return-path" in headers:
        path = headers.get("return-path").strip()
    submitted = headers.get("auto-submitted").partition(";")[0].strip().lower()
    return (
        path in {"", "<>"}
        or submitted not in {"", "no"}
        or headers.get("precedence").strip().lower() in _PRECEDENCE
        or any(name.startswith("list-") or name in _OF_PROGRAMS for name, _ in headers.fields)
    )


def _recipients(mail: Mail, envelope_to: str) -> Iterator[str]:
    if envelope_to:
        yield envelope_to
        return
    for name in _RECIPIENTS:
        for value in mail.headers.all(name):
            yield from find_addresses(value)
