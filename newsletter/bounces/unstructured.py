"""Recognise and read bounces and automatic replies without a machine-readable part."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message

from flufl.bounce import all_failures

from newsletter.bounces.addresses import RECIPIENTS, find_address, is_system
from newsletter.bounces.bounce_text import BounceText, answers_ours
from newsletter.bounces.clauses import (
    names_mail,
    names_thing,
    reports_nondelivery,
    without_advice,
)
from newsletter.bounces.mail import Mail
from newsletter.bounces.model import Reason, Report, ReportedRecipient, ReportKind
from newsletter.bounces.phrase_tables import phrases, tables
from newsletter.bounces.refusal import classify_refusal
from newsletter.bounces.replies import find_reply

_TABLES = tables("recognition")
_REPLY_PREFIX = re.compile(r"^\s{0,8}(?:re|aw|sv|antw|回复|答复)\s{0,4}[:：]\s{0,8}", re.IGNORECASE)
_FORWARD_PREFIX = re.compile(
    r"^\s{0,8}(?:fwd?|wg|tr|rv|enc|vs|転送|转发|轉寄|전달)\s{0,4}[:：]", re.IGNORECASE
)
_FAILURE_SUBJECTS = phrases(_TABLES["failure_subjects"])
_SENDERS = phrases(_TABLES["notifiers"])
_DELAYS = phrases(_TABLES["delays"])
_LOOKED_AT = 8_000
#: Local parts of mailboxes that nobody reads or writes from.
_UNREAD = re.compile(r"(?:do[-_.]?not|no)[-_.]?reply\w{0,12}")
#: A contact number of a system's operator: "FAX: 03-1234-5678".
_FAX_NUMBER = re.compile(
    r"(?:fax|ファ(?:ッ)?クス)\s{0,4}[.:：]?\s{0,4}[+(（\d０-９]", re.IGNORECASE
)
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,255}")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|[。！？]|\n\s*\n")


def read_unstructured(bounce: BounceText) -> Report | None:
    """Read a bounce by its text; return None if it is not one, or names no recipient."""
    if not is_bounce(bounce) or not bounce.recipients:
        return None
    delayed = _is_delay(bounce)
    refusals = [replace(bounce.refusal(one), late=delayed) for one in bounce.recipients]
    name = bounce.layout.name if bounce.layout is not None else "any"
    return Report(
        kind=ReportKind.DELAY if delayed else ReportKind.BOUNCE,
        reader=f"notice:{name}",
        recipients=tuple(classify_refusal(one) for one in refusals),
    )


def is_bounce(bounce: BounceText) -> bool:
    """Return whether a mail system sent the mail to report that mail was not delivered."""
    subject = bounce.mail.subject
    if is_from_system(bounce):
        # Postmasters also write letters, and shops send mail under such names.
        is_letter = _REPLY_PREFIX.match(subject) and _is_letter(bounce.mail)
        return not (is_letter or is_forwarded(bounce.mail) or _is_shipping_notice(bounce))
    is_report = bounce.mail.parameters.get("report-type", "").lower() == "delivery-status"
    if is_report or _REPLY_PREFIX.match(subject):
        return not _REPLY_PREFIX.match(subject)
    if not bounce.original.headers.fields and _is_about_goods(bounce):
        return False
    if _reports_failure(subject) or bounce.layout is not None:
        return not is_composed(bounce)
    if bounce.mail.has_empty_sender and not _is_automatic(bounce.mail):
        return _names_failed_recipient(bounce)
    return _is_automatic_notice(bounce)


def _reports_failure(words: str) -> bool:
    """Return whether a subject or a sentence says that mail did not arrive."""
    lower = words.lower()
    return _FAILURE_SUBJECTS.occurs_in(lower) or reports_nondelivery(lower)


def _is_about_goods(bounce: BounceText) -> bool:
    """Return whether a mail is about an undelivered parcel, order or letter, and not about mail.

    The mail names such a thing, and no sentence about the failure or the recipient names mail.
    """
    return names_thing(_words_of(bounce)) and not any(map(names_mail, _relevant_sentences(bounce)))


def _is_shipping_notice(bounce: BounceText) -> bool:
    """Return whether a mail under a mail system's name is about a failed parcel or order.

    The test is stricter than `_is_about_goods`: the thing must stand in the very sentence
    about the failure or the recipient. A postmaster may add a note on orders below a real bounce.
    """
    if bounce.original.headers.fields or "x-failed-recipients" in bounce.mail.headers:
        return False
    told = _relevant_sentences(bounce)
    return any(map(names_thing, told)) and not any(map(names_mail, told))


def _words_of(bounce: BounceText) -> str:
    return f"{bounce.mail.subject}.\n\n{bounce.text[:_LOOKED_AT]}".lower()


def _relevant_sentences(bounce: BounceText) -> list[str]:
    """Return the sentences about the failure or with an address; addresses are removed."""
    return [
        _FAX_NUMBER.sub(" ", _ADDRESS.sub(" ", sentence))
        for sentence in _SENTENCE_END.split(_words_of(bounce))
        if _ADDRESS.search(sentence) or _reports_failure(sentence)
    ]


def _names_failed_recipient(bounce: BounceText) -> bool:
    """Return whether a mail returns ours, or says that it did not reach a named recipient.

    A statement about the mail's own sender does not count, unless the mail also says that our
    mail did not arrive: people write in automatic replies that they have left, while a colleague
    reads the mailbox.
    """
    sender = find_address(bounce.mail.headers.get("from")).lower()
    recipients = {one.lower() for one in bounce.recipients}
    if sender in recipients:
        return bounce.reports_nondelivery and any(
            _is_denied(bounce, one) for one in bounce.recipients
        )
    if bounce.original.headers.fields:
        return True
    labelled = recipients & bounce.labelled_recipients
    return (bool(labelled) and _gives_reason(bounce)) or any(
        _is_reported_failed(bounce, one) for one in bounce.recipients
    )


def _gives_reason(bounce: BounceText) -> bool:
    """Return whether a mail quotes an SMTP reply, or gives a reason for the failure."""
    return bool(find_reply(bounce.text)) or any(
        classify_refusal(bounce.refusal(one)).reason is not Reason.UNKNOWN
        for one in bounce.recipients
    )


def _is_reported_failed(bounce: BounceText, address: str) -> bool:
    """Return whether a sentence with the address denies it, or says that mail did not arrive."""
    return _is_denied(bounce, address) or any(
        _reports_failure(without_advice(sentence.lower()))
        for sentence in _sentences_of(bounce, address)
    )


def _is_denied(bounce: BounceText, address: str) -> bool:
    refusal = bounce.refusal(address)
    return any(
        classify_refusal(replace(refusal, words=(sentence,), around=())).hard
        for sentence in _sentences_of(bounce, address)
    )


def _sentences_of(bounce: BounceText, address: str) -> Iterator[str]:
    """Yield the sentences with an address, except those that greet the person."""
    greeted = re.compile(rf"{re.escape(address)}[>\"')]{{0,2}}\s{{0,2}}(?:[,，、]|様|さま|さん)")
    for sentence in _SENTENCE_END.split(bounce.text[:_LOOKED_AT]):
        if address in sentence and not greeted.search(sentence):
            yield sentence


def is_composed(bounce: BounceText) -> bool:
    """Return whether a person or a mailing list wrote a mail, which may quote a notice.

    A mail with a mail system as its sender does not count: `is_bounce` decides about those.
    """
    return not is_from_system(bounce) and (_is_letter(bounce.mail) or _is_list_issue(bounce))


def _is_letter(mail: Mail) -> bool:
    """Return whether a person wrote a mail: it answers ours, or has its sender in the envelope.

    The person may write about a notice, and quote its text and its subject.
    """
    if _is_automatic(mail) or _is_from_list(mail):
        return False
    sender = find_address(mail.headers.get("from")).lower()
    envelope = find_address(mail.headers.get("return-path")).lower()
    return (sender != "" and envelope == sender) or answers_ours(mail.headers)


def is_forwarded(mail: Mail) -> bool:
    """Return whether the operator of a mail system forwards a notice with a text of their own.

    The fault may be fixed by then, and the text may say so.
    """
    forwards = _FORWARD_PREFIX.match(mail.subject) is not None
    return forwards and not _is_automatic(mail) and not mail.has_empty_sender


def _is_list_issue(bounce: BounceText) -> bool:
    """Return whether a mail is an issue of a mailing list, which may be about bounces.

    A list's failure notice has an empty envelope sender, or returns the undelivered mail.
    """
    names = ("list-id", "list-unsubscribe")
    is_issue = any(name in bounce.mail.headers for name in names)
    returned = bool(bounce.original.headers.fields) or bounce.mail.has_empty_sender
    return is_issue and not returned


def is_from_system(bounce: BounceText) -> bool:
    """Return whether a mail is from a mail system, or lists failed recipients in a header."""
    headers = bounce.mail.headers
    sender = headers.get("from").lower()
    named = is_system(find_address(sender)) or (
        _SENDERS.occurs_in(sender) and not _is_list_issue(bounce)
    )
    return named or "x-failed-recipients" in headers


def _is_delay(bounce: BounceText) -> bool:
    """Return whether a bounce says that the remote server is still trying."""
    text = f"{bounce.mail.subject}\n{bounce.text[:_LOOKED_AT]}".lower()
    return _DELAYS.occurs_in(" ".join(text.split()))


def _is_from_list(mail: Mail) -> bool:
    """Return whether a program for bulk mail sent the mail, such as a mailing list's."""
    bulk = mail.headers.get("precedence").strip().lower() in {"bulk", "list", "junk"}
    return bulk or any(
        name.startswith(("list-", "mailing-list", "x-ml")) for name, _ in mail.headers.fields
    )


_AUTO_REPLY_HEADS = _TABLES["auto_reply_heads"]
_AUTO_REPLY_ANYWHERE = phrases(_TABLES["auto_reply_anywhere"])
_AUTO_REPLY_PROGRAMS = phrases(_TABLES["auto_reply_programs"])
_PROGRAMS = ("x-mailer", "user-agent", "delivered-by-the-graces-of")
_AUTO_REPLY_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoreply-from",
    "x-autogenerated",
    "x-mail-autoreply",
    "x-auto-reply-from",
    "x-vacation",
)


def read_auto_reply(bounce: BounceText) -> Report | None:
    """Read the automatic reply of a person's mailbox; return None if the mail is not one."""
    mail = bounce.mail
    if not _is_receipt(mail) and (not _is_automatic(mail) or _is_failure(bounce)):
        return None
    address = find_address(mail.headers.get("from")) or find_address(
        mail.headers.get("return-path")
    )
    return Report(
        kind=ReportKind.AUTO_REPLY,
        reader="auto-reply",
        recipients=(
            (ReportedRecipient(address=address, hard=False, reason=Reason.AUTO_REPLY),)
            if address
            else ()
        ),
    )


def _is_automatic(mail: Mail) -> bool:
    headers = mail.headers
    submitted = headers.get("auto-submitted").strip().lower()
    suppressed = headers.get("x-auto-response-suppress").lower()
    return (
        submitted.startswith(("auto-replied", "auto-notified", "auto-generated"))
        or any(name in headers for name in _AUTO_REPLY_HEADERS)
        or headers.get("precedence").strip().lower() in {"auto_reply", "auto-reply"}
        or headers.get("x-precedence").strip().lower() in {"auto_reply", "auto-reply"}
        or any(_AUTO_REPLY_PROGRAMS.occurs_in(headers.get(name).lower()) for name in _PROGRAMS)
        or any(word in suppressed for word in ("oof", "autoreply", "all"))
        or _has_auto_reply_prefix(mail.subject)
        or _AUTO_REPLY_ANYWHERE.occurs_in(mail.subject.lower())
    )


def _is_receipt(mail: Mail) -> bool:
    """Return whether the mail is a receipt of a mail program (RFC 8098): our mail arrived."""
    return any(mail.of_kind("message/disposition-notification"))


def _is_failure(bounce: BounceText) -> bool:
    """Return whether a mail system reports a failure; people's answers may mention failures too."""
    subject = bounce.mail.subject
    if _has_auto_reply_prefix(subject):
        told = _reports_failure(subject) or bounce.reports_nondelivery
        return (is_from_system(bounce) and told) or _is_automatic_notice(bounce)
    if not is_bounce(bounce):
        return False
    answered = bounce.mail.headers.get("auto-submitted").strip().lower().startswith("auto-replied")
    if not answered or is_from_system(bounce) or bounce.layout is not None:
        return True
    return _is_automatic_notice(bounce)


def _is_automatic_notice(bounce: BounceText) -> bool:
    """Return whether an automatic mail says that ours did not reach a named recipient."""
    sender = find_address(bounce.mail.headers.get("from"))
    is_nobodys = bounce.mail.has_empty_sender or (
        _is_automatic(bounce.mail) and _UNREAD.fullmatch(sender.rpartition("@")[0].lower())
    )
    return bool(is_nobodys) and bounce.reports_nondelivery and _names_failed_recipient(bounce)


def _has_auto_reply_prefix(subject: str) -> bool:
    return _REPLY_PREFIX.sub("", subject, count=1).lstrip().lower().startswith(_AUTO_REPLY_HEADS)


_LINES = 150
_LINE_CHARACTERS = 300
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


def read_last_resort(bounce: BounceText) -> Report | None:
    """Find the recipients with flufl.bounce, and classify by the text alone; never hard.

    A mailing list program's mail about joining or leaving is not a bounce.
    """
    if bounce.layout is None and _is_from_list(bounce.mail):
        return None
    try:
        temporary, permanent = all_failures(_flat(bounce))
    except Exception:  # noqa: BLE001 - third-party parser on untrusted input may raise anything
        return None
    found = [find_address(_text(one)) for one in sorted({*temporary, *permanent}, key=_text)]
    addresses = [one for one in found if one][:RECIPIENTS]
    if not addresses:
        return None
    classified = [classify_refusal(bounce.refusal(one)) for one in addresses]
    return Report(
        kind=ReportKind.BOUNCE,
        reader="flufl.bounce",
        recipients=tuple(replace(one, hard=False) for one in classified),
    )


def _flat(bounce: BounceText) -> Message:
    """Return the bounce as one flat text: each detector of flufl.bounce walks the whole tree."""
    message = Message()
    for name in ("from", "to", "subject", "x-failed-recipients"):
        value = bounce.mail.headers.get(name)
        if value:
            message[name] = value[:_LINE_CHARACTERS]
    lines = [line[:_LINE_CHARACTERS] for line in bounce.text.split("\n") if line.strip()][:_LINES]
    message.set_payload("\n".join(lines).encode("utf-8", "replace").decode("utf-8"))
    return message


def _text(address: bytes | str) -> str:
    return address.decode("utf-8", "replace") if isinstance(address, bytes) else str(address)
