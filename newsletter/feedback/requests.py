"""Requests to leave that come as mail, and what proves them.

A mail to the List-Unsubscribe address carries the token of one delivery in its subject. A plain
reply carries no token there, and its From could be anybody's: it counts when it answers a message
of ours, which its Message-ID proves, or quotes one of its signed links. Whoever has somebody's mail
could leave by its link as well, so an address of nobody's speaks for the reader of that mail, as
where mail is forwarded; a reader speaks for themselves alone.

Most people who answer leave the subject as it is and write their wish above what they quote. There
it ends a subscription only where it is plain; a question, or a denial, is for an operator to read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice, takewhile
from unicodedata import normalize

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.addresses import parse_address
from newsletter.bounces.addresses import find_address
from newsletter.bounces.mail import Mail
from newsletter.database.tables import MailingRow
from newsletter.database.vocabulary import UnsubscribeWay
from newsletter.errors import ListError, NotFoundError, TokenError
from newsletter.feedback.attribution import (
    Keys,
    delivery_of_message_id,
    mailing_of_message_id,
)
from newsletter.mailings.planning.links import compare, read_link, refer
from newsletter.mailings.planning.variants import content_of_reader
from newsletter.rendering.slots import fill
from newsletter.tokens import DeliveryRef, Purpose
from subscribers.leaving import unsubscribe
from subscribers.people import find_person

#: Some clients leave the address's percent signs as they are.
_TOKEN = re.compile(r"unsubscribe(?:\s|%20|\+)+([A-Za-z0-9_-]{20,200})", re.IGNORECASE)
_REQUEST = re.compile(
    r"unsubscribe|opt(?:ing)?[ -]?out|remove\s+me|cancel\s+(?:my|the|this)\s+subscription"
    r"|(?:配信|購読|送信|送付|メール|メルマガ)[をのは]?(?:停止|解除|中止|不要|拒否|やめ|止め|取り?消|解約)"
    r"|登録[をの]?(?:解除|削除)|退会|(?:送ら|配信し|送信し)ないで"
    r"|退[订訂]|取消[订訂]|수신\s?거부|구독\s?(?:취소|해지)|hủy\s+đăng\s+ký|descadastr"
    r"|cancelar\s+(?:\w{1,5}\s+){0,2}(?:inscri|assinatura|suscripci)"
    r"|dar(?:me|se)?\s+de\s+baja|désabonn|désinscri|abmeld|abbestell",
    re.IGNORECASE,
)
#: What makes of a line with these words a question, a denial, or word of what is past.
_NO_WISH = re.compile(
    r"[?？]|方法|仕方|手順|(?:停止|解除|中止|退会|解約)(?:し|は)?(?:ない|せず|しな)|(?:でき|出来)(?:な|ま)"
    r"|しました|された|されて|\b(?:not|never|how|was|were|did)\b|n['’]t\b",
    re.IGNORECASE,
)
#: Lines that somebody may write before what they want, and how long the one that says it may be.
_OPENING_LINES, _LONGEST_WISH = 6, 60
#: Where what is quoted begins: marked lines, rules, a head, "On … wrote:" in any language.
_QUOTED = re.compile(
    r"[>＞|｜]|[-_=*―─━]{3,}|(?:from|von|de|差出人|送信者|送信元|发件人|보낸\s?사람)\s?[:：]"
    r"|.*(?:[@＠]|\d{4}).*[:：]$|.*(?:wrote|書きました|のメール)\s?[:：]?$",
    re.IGNORECASE,
)
#: What programs send on behalf of a list: its first lines offer a way to leave that list.
_OF_LISTS = ("list-unsubscribe", "list-id", "feedback-id")
_MESSAGE_ID = re.compile(r"<[^<>\s]{3,250}>")
_REFERENCES = 20
#: Links of a delivery, by the first part of their path.
_LINK = re.compile(r"/([upv])/([A-Za-z0-9_-]{20,200})")
_PURPOSES = {"u": Purpose.UNSUBSCRIBE, "p": Purpose.PREFERENCES, "v": Purpose.VIEW}


def wish_to_leave(
    session: Session, mail: Mail, keys: Keys, *, answers_itself: bool
) -> DeliveryRef | None:
    """Return whose subscription a mail proves its sender wants ended.

    It may be searched for among all who got an issue, for seconds: ``session`` reads, so that
    others can write meanwhile.

    Args:
        session: The database.
        mail: The mail.
        keys: What our signatures are checked with.
        answers_itself: It is a report or an automatic answer: what it quotes is nobody's wish.
    """
    ref = _by_token(session, mail, keys)
    if ref is None and asks_to_leave(mail, answers_itself=answers_itself):
        ref = _by_reply(session, mail, keys)
    return ref


def leave_by_mail(session: Session, wish: DeliveryRef) -> bool:
    """End the subscription of a wish, within a transaction; False if it is another one's today."""
    ref = compare(session, [wish])[wish]
    if ref is None:
        return False
    unsubscribe(
        session,
        newsletter_id=ref.newsletter_id,
        subscriber_id=ref.subscriber_id,
        mailing_id=ref.mailing_id or None,
        way=UnsubscribeWay.MAIL,
    )
    return True


def asks_to_leave(mail: Mail, *, answers_itself: bool) -> bool:
    """Return whether a mail seems to ask for it, by its subject or above what it quotes."""
    is_written = not answers_itself and mail.headers.get("auto-submitted") in {"", "no"}
    return is_written and any(_REQUEST.search(line) for line in (mail.subject, *_opening(mail)))


def _opening(mail: Mail) -> list[str]:
    """Return the first lines that a person wrote, those alone that are short enough for a wish."""
    if any(name in mail.headers for name in _OF_LISTS):
        return []
    lines = (normalize("NFKC", line).strip() for line in mail.words.split("\n"))
    written = takewhile(lambda line: not _QUOTED.match(line), (line for line in lines if line))
    return [line for line in islice(written, _OPENING_LINES) if len(line) <= _LONGEST_WISH]


def _by_token(session: Session, mail: Mail, keys: Keys) -> DeliveryRef | None:
    match = _TOKEN.search(mail.subject)
    if match is None:
        return None
    try:
        return read_link(session, keys.signer, Purpose.UNSUBSCRIBE, match[1])
    except TokenError:
        return None


def _by_reply(session: Session, mail: Mail, keys: Keys) -> DeliveryRef | None:
    try:
        sender = parse_address(find_address(mail.headers.get("from")))
    except ListError:
        return None
    person = find_person(session, sender)
    text = f"{mail.headers.get('in-reply-to')} {mail.headers.get('references')}"
    answered = [match[0] for match in islice(_MESSAGE_ID.finditer(text), _REFERENCES)]
    if person is None:
        return _of_nobodys_address(session, mail, keys, answered)
    for message_id in answered:
        mailing_id = mailing_of_message_id(session, keys, message_id, person.id)
        if mailing_id is None or not _wishes(session, mail, mailing_id, person.id):
            continue
        return _refer(session, mailing_id, person.id)
    return None


def _of_nobodys_address(
    session: Session, mail: Mail, keys: Keys, answered: Sequence[str]
) -> DeliveryRef | None:
    """Return the delivery that a mail proves to be about; None if it names several people's."""
    found: list[DeliveryRef] = []
    for match in islice(_LINK.finditer(mail.words), _REFERENCES):
        with suppress(TokenError):
            found.append(read_link(session, keys.signer, _PURPOSES[match[1]], match[2]))
    # Whose a Message-ID is must be searched for among all of its mailing.
    for message_id in answered if not found else ():
        delivery = delivery_of_message_id(session, keys, message_id)
        if delivery is not None:
            found.append(_refer(session, *delivery))
            break
    if len({(ref.newsletter_id, ref.subscriber_id) for ref in found}) != 1:
        return None
    ref = found[0]
    return ref if _wishes(session, mail, ref.mailing_id, ref.subscriber_id) else None


def _refer(session: Session, mailing_id: int, subscriber_id: int) -> DeliveryRef:
    query = select(MailingRow.newsletter_id).where(MailingRow.id == mailing_id)
    return refer(session, session.scalars(query).one(), subscriber_id, mailing_id)


def _wishes(session: Session, mail: Mail, mailing_id: int, subscriber_id: int) -> bool:
    """Tell whether the wish is the sender's: an issue's own subject may speak of leaving.

    A subject with such words is one; a line of the mail is where nothing speaks against it.
    """
    own = ""
    if mailing_id:
        try:
            content = content_of_reader(session, mailing_id, subscriber_id)
        except NotFoundError:
            return False
        own = fill(content.rendered.subject, {})
    plain = (line for line in _opening(mail) if not _NO_WISH.search(line))
    said = (line.replace(own, "") if own else line for line in (mail.subject, *plain))
    return any(_REQUEST.search(line) for line in said)
