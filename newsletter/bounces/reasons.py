"""Determine the reason of a refusal from its text and its codes.

Particular text takes precedence over codes, because servers answer 5.1.1 for full mailboxes and
5.7.1 for nearly anything. A statement is about the party that it names: the same denial is hard
for the recipient and soft for the sender.

"The recipient does not exist" is believed in the wording of a directory, with a code that says so,
in a reply to RCPT, and in a plain sentence where no command is known. After DATA it is not
believed, because content filters use the same wording. docs/bounces.md has the rules in order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from newsletter.bounces.addresses import SENDER_ADDRESS, Parties
from newsletter.bounces.clauses import (
    ABOUT_SENDER,
    ABOUT_SENDER_OUTRIGHT,
    DORMANT,
    FOR_NOW,
    GREYLISTED,
    IP_ADDRESS,
    IP_NAMED,
    LOOKED_UP,
    LOOKED_UP_ELSEWHERE,
    NAMED_ABSENT,
    NAMED_HOST_ABSENT,
    NO_HOST,
    OF_SERVER,
    PASSING,
    PERSON,
    PRESENT,
    PROVES_SENDER,
    ROOM,
    SENDER,
    SUPPOSING,
    THING,
    UNWANTED,
    WHO,
    counts_people,
    denies_for_good,
    name_alone,
    occur_in,
    without_advice,
    without_future,
    without_names,
)
from newsletter.bounces.model import PERMANENT, Reason
from newsletter.bounces.phrase_tables import PhraseBook, Phrases, without_marks
from newsletter.bounces.replies import find_reply
from newsletter.bounces.tables import carrier_of, is_for_now, reason_of_reply, reason_of_status

_LOOKED_AT = 2_000
#: Maximum length, in characters, of a system's own sentence about an address without a reply code.
_ONE_SENTENCE = 160
#: Maximum length, in characters, of a reply of several lines. A longer text is a bounce message,
#: which names the sender anyway.
_ONE_REPLY = 400
_NO_PARTIES = Parties()
_ORDINARY = PhraseBook.load()
_VOCABULARY: ContextVar[PhraseBook] = ContextVar("vocabulary")
_LINK = re.compile(r"https?://\S{1,400}")
#: Text without meaning: last lines of sendmail and qmail, PowerMTA's count of attempts.
_BOILERPLATE = re.compile(
    r"55[04] 5\.0\.0 service unavailable|giving up on [0-9a-f.:]{3,45}"
    r"|\(delivery attempts: \d{1,4}\)|(?:^<?@>?: )?\bhost [\w.-]{1,200}\[[0-9a-f.:]{2,45}\] said:"
    r"|\(in reply to [a-z ]{4,24} command\)"
)
#: Names of errors in programs: "NO_SUCH_USER".
_JOINED = re.compile(r"(?<![@\w.-])(?:[a-z]{1,16}_){1,6}[a-z]{1,16}(?![@\w.-])")
#: "Not (any longer) known": one or two optional words in brackets.
_BRACKETED = re.compile(r"(?<=[^\W\d_] )\(([^\W\d_]{2,12}(?: [^\W\d_]{2,12})?)\)(?= [^\W\d_])")
#: Compound nouns that begin with a word for a person but do not mean one.
_COMPOUND = re.compile(
    r"\buser[- ]agents?\b|\b(?:user|recipient|account|address) (?:authentication|certificate|"
    r"credential|family|field|header|home|literal|password|range|record)s?\b"
    r"|\b(?:user|mailbox|account)(?:'s)? (?:\w{1,12} )?files?\b"
    r"|\bunknown (?:user|recipient) (?:group|list)s?\b"
    r"|\bunknown (?:cause|charset|encoding|error|exception|failure|format|problem|reason)s?\b"
    r"|\bcertificate (?:of|for) [\w' ]{1,30}?\b(?:host|server|domain)\b"
)
#: The start of a further, transient reply in a transcript, to another command.
_ANOTHER_REPLY = re.compile(r" 4[2357]\d[ -]")
_SENTENCES = 3
#: A sentence. A full stop inside a name does not end one.
_SENTENCE = re.compile(
    rf"\S(?:[^.!?。！？]|[.!?](?! |$)){{11,{_ONE_SENTENCE}}}(?:[.!?](?= |$)|[。！？])"
)
_SUPPOSED = re.compile(
    rf"\b(?:if|in case|when|whether|might|may|possibl\w{{1,2}}|wenn|falls|si|se|als"
    rf"|jeśli|если|eğer)\b|場合|可能性|如果|若(?![干ぁ-ん])|倘若|假如|可能|만약|{SUPPOSING.pattern}",
    re.IGNORECASE,
)
_BLOCK_LISTS = re.compile(
    r"spamhaus\.|spamcop\.|barracudacentral\.|sorbs\.|abuseat\.|surbl\.|uceprotect|njabl\.|cbl\.|psbl\."
    r"|mailspike|invaluement|senderscore|dnsbl|rbldns|spamrl|sbl-xbl|att\.net/blocks"
)


#: An address in the content of the message, which is not the recipient.
_WITHIN_MESSAGE = re.compile(
    r"\b(?:address|recipient|user)\w{0,2} in (?:the |its |your |an? )?(?:[\w-]{1,12} )?"
    r"(?:header|body|field|link|message|text)"
    r"|\b(?:message|mail|subject|header|body|text) "
    r"(?:contain|hold|include|list|mention|name|quote)s?\b[^.;]{0,40}?"
    r"\b(?:account|address|mailbox|recipient|user)"
)
_ADDRESSED_HOST = re.compile(
    r"(?<!from )unknown (?:host|domain)\b|\b(?:host|domain)(?: name)?(?: is)? unknown"
    r"|no such (?:host|domain)\b"
)
_CALLOUT = re.compile(r"\bcall-?(?:out|back)(?: verification| verify)?(?: failed| failure)?\b")
_NAMES_SENDER = re.compile(r"sender|mail from|return[- ]path")
#: Without further words it stays open whether the mailbox exists.
_UNAVAILABLE = re.compile(r"\b(?:mailbox|account) (?:is )?(?:unavailable|not available)\b")
#: A finding about a mailbox.
_FINDING = (
    r"(?:(?:is |are |was |were |ha(?:s|ve) been )?(?:access denied|unavailable|not available"
    r"|unknown|not found|invalid|disabled|deactivated|inactive|suspended|closed|full|over quota"
    r"|no longer in use)|(?:does|do) ?n[o'’]t exist|no longer exists?)"
)
#: "Mailbox unavailable or access denied": either fault, unless the remaining text decides.
_EITHER = re.compile(
    r"\b(?:mailbox|account|user|recipient|address)(?:e?s|\(e?s\))? "
    rf"{_FINDING} or {_FINDING}\b",
    re.IGNORECASE,
)
#: The server takes mail, but not from everybody.
_FROM_SOME = re.compile(
    r"accept mail from|service (?:here )?for (?:unknown|your|this|such|these|unauthori[sz]ed)"
)
#: With code 5.4.1, Exchange Online's text for an address that its directory does not hold.
_ACCESS_DENIED = "recipient address rejected: access denied"
#: Replies to these commands are about the one recipient; no content has been sent yet.
_OF_RECIPIENT = frozenset({"RCPT", "VRFY"})
_OF_SENDER = frozenset({"MAIL", "EHLO", "HELO", "CONN"})
#: Reasons that mean the sender's address or host in a reply to a command of ``_OF_SENDER``.
_OF_ADDRESS = frozenset({Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.FILTERED})
_DENYING_CODES = frozenset({"1.0", "1.1", "1.2", "1.3", "1.10"})
_NO_HOST_CODES = frozenset({"1.2", "4.4", "4.310"})
#: RFC 3463, 3.2: the sender's mailbox or system address is wrong.
_SENDER_CODES = frozenset({"1.7", "1.8"})
#: Codes that are too general to contradict plain text, or mean nearly the same, such as "moved,
#: without a new address" (1.6). All other codes name a different fault.
_LEAVES_IT_TO_WORDS = frozenset(
    {
        *("", "0.0", "1.0", "2.0", "3.0", "4.0", "5.0", "7.0"),
        *("1.1", "1.2", "1.3", "1.6", "1.10", "2.1", "4.4", "7.1"),
    }
)
#: Codes for a fault of the network, the message or the sender. If the text denies the recipient,
#: code and text contradict each other, so it stays open whether the recipient exists.
_NAMES_ANOTHER = re.compile(
    r"2\.[23]|3\.[1-6]|4\.[235-9]|5\.[3-6]|6\.\d{1,3}|7\.(?:[2-9]|1[0124-6]|2[0-689]|30|[1-9]\d\d)"
)
#: Text that only a reply to RCPT has, for bounces that name no command.
_ANSWERS_RCPT = ("recipient address rejected", "rcpt to:", "command rcpt")
#: Reasons that blame the sender and leave the reader alone, unless the reply denies somebody too.
_OF_OUR_SIDE = frozenset({Reason.RELAYING_DENIED, Reason.BLOCKED})
_MAY_NOT_EXIST = re.compile(
    r"\b(?:account|mailbox|user|recipient|address)\b[^.;]{0,24} may not exist"
)
_OF_SYSTEM = frozenset({Reason.NETWORK, Reason.SYSTEM})
_VAGUE = frozenset(
    {
        Reason.UNKNOWN,
        Reason.FILTERED,
        Reason.NETWORK,
        Reason.POLICY,
        Reason.SECURITY,
        Reason.SYNTAX,
        Reason.SYSTEM,
    }
)


@contextmanager
def using(vocabulary: PhraseBook) -> Iterator[None]:
    """Use a different vocabulary inside the ``with`` block; measurements leave out phrases."""
    token = _VOCABULARY.set(vocabulary)
    reason_of_words.cache_clear()
    try:
        yield
    finally:
        _VOCABULARY.reset(token)
        reason_of_words.cache_clear()


@lru_cache(maxsize=64)  # a report's recipients share most of its text
def reason_of_words(
    words: str,
    *,
    status: str = "",
    command: str = "",
    parties: Parties = _NO_PARTIES,
    near: bool = False,
) -> Reason:
    """Return the reason that a text states, read together with its code and command.

    Return ``UNKNOWN`` if the text states nothing in particular.

    Args:
        words: The text of the remote system.
        status: Enhanced status code.
        command: The SMTP command that was refused, in capitals, if it is known.
        parties: Recipient and sender, to tell whose addresses and domains the text quotes.
        near: Whether the text is about this address, and not from elsewhere in the bounce. If so,
            a plain denial of the recipient is believed even where no command is known.
    """
    particular = _EITHER.sub(" ", words)
    if particular != words:
        reason = reason_of_words(
            particular, status=status, command=command, parties=parties, near=near
        )
        if reason is Reason.USER_UNKNOWN:
            return reason
    reason = _reason_of_text(words, status=status, command=command, parties=parties, near=near)
    if reason in {Reason.FILTERED, Reason.UNKNOWN} and near and not command:
        # The system's own sentences: a finding comes first, and general advice follows.
        for sentence in _sentences(words):
            alone = _reason_of_text(
                sentence, status=status, command=command, parties=parties, near=near
            )
            if alone in PERMANENT:
                return alone
    return reason


def _sentences(words: str) -> list[str]:
    """Return the first sentences of a text without a reply code, except for suppositions."""
    if find_reply(words):
        return []
    found = _SENTENCE.findall(" ".join(words[:_LOOKED_AT].split()))
    return [one for one in found[:_SENTENCES] if not _SUPPOSED.search(one)]


def _reason_of_text(
    words: str, *, status: str, command: str, parties: Parties, near: bool
) -> Reason:
    text = _plain(words, parties)
    code = status.partition(".")[2]
    if not command and near and any(sign in text for sign in _ANSWERS_RCPT):
        command = "RCPT"
    refused = command in _OF_RECIPIENT or (code in _DENYING_CODES and command not in _OF_SENDER)
    refused = refused and _NAMES_ANOTHER.fullmatch(code) is None
    plain = near and not command and code in _LEAVES_IT_TO_WORDS
    plain = plain and (len(text) <= _ONE_SENTENCE or bool(find_reply(text)))
    plain = plain and not _is_ambiguous(text, parties)
    found = (
        _first(_words().mailbox, text)
        or (Reason.MAILBOX_FULL if occur_in(ROOM, without_names(text)) else None)
        or (Reason.SUSPENDED if occur_in(DORMANT, without_names(text)) else None)
        or _denied_recipient(text, code=code, refused=refused, parties=parties)
        or (Reason.BLOCKED if _BLOCK_LISTS.search(words[:_LOOKED_AT].lower()) else None)
        or _first(_words().others, text)
        or (Reason.SUSPENDED if _is_unavailable_mailbox(text, code) else None)
        or _remaining_reason(text, code=code, certain=refused or plain, parties=parties)
        or _by_grammar(text, command=command, certain=refused or plain, parties=parties)
        or Reason.UNKNOWN
    )
    if found is Reason.USER_UNKNOWN and _is_in_doubt(text, code):
        return Reason.FILTERED
    if found in _OF_OUR_SIDE and command in _OF_RECIPIENT and _also_denies_recipient(text, parties):
        return Reason.FILTERED
    if found in {*PERMANENT, Reason.FILTERED, Reason.UNKNOWN} and (
        _quotes_only_sender(text) or (command in _OF_SENDER and found in _OF_ADDRESS)
    ):
        return Reason.SENDER_REJECTED
    return found


def reason_of_codes(*, status: str, reply: str, command: str) -> Reason:
    """Return the reason by codes alone, for a text without one; ``UNKNOWN`` if they give none."""
    reason = reason_of_reply(reply)
    if reason is Reason.UNKNOWN:
        reason = reason_of_status(status)
    # RFC 7504: 521 means that the host takes no mail only together with its own status code.
    # Without that code, the server refuses this client.
    if reply == "521" and not (reason is Reason.USER_UNKNOWN and command in _OF_RECIPIENT):
        never = reason is Reason.NO_MAIL_ACCEPTED or status.endswith(".3.2")
        reason = Reason.NO_MAIL_ACCEPTED if never else Reason.BLOCKED
    if reason is Reason.NO_MAIL_ACCEPTED and is_for_now(status, reply):
        return Reason.SYSTEM
    of_sender = command in _OF_SENDER and reason in {*_VAGUE, Reason.USER_UNKNOWN}
    if of_sender:
        return Reason.SENDER_REJECTED if command == "MAIL" else Reason.BLOCKED
    return reason


def may_deny_recipient(words: str, parties: Parties = _NO_PARTIES) -> bool:
    """Return whether the words can mean that the mailbox does not exist.

    The same words are also used for other faults.
    """
    text = _plain(words, parties)
    if _is_of_sender(text) or _is_for_now(text):
        return False
    if OF_SERVER.search(text) or IP_NAMED.search(text):
        return False
    if THING.search(text) and not WHO.search(without_names(text)):
        return False
    return _words().at_last.occurs_in(text)


def contradicts_code(words: str, parties: Parties = _NO_PARTIES) -> bool:
    """Return whether the text contradicts a code for "unknown".

    It does if it states a temporary condition, names a person who exists, or is only about us.
    """
    text = _plain(words, parties)
    prepared = without_names(text)
    reply = find_reply(text)
    said = without_names(text[text.find(reply) :]) if reply else ""
    us_alone = SENDER.search(said) is not None and WHO.search(said) is None
    return _is_for_now(text) or us_alone or occur_in(PRESENT, prepared)


def is_gone_for_good(words: str, parties: Parties = _NO_PARTIES) -> bool:
    """Return whether the text says that the reader's mailbox was removed for good."""
    text = _plain(words, parties)
    return denies_for_good(without_names(text)) and not _is_of_sender(text)


def is_ambiguous_denial(words: str, parties: Parties) -> bool:
    """Return whether the recipient's system also answers "unknown" to mail that it filters."""
    return _is_ambiguous(_plain(words, parties), parties)


def codes_are_vague(*, status: str, command: str) -> bool:
    """Return whether the codes are so general that the wider text of the bounce should be read."""
    return command in _OF_SENDER or reason_of_status(status) in _VAGUE


def _words() -> PhraseBook:
    return _VOCABULARY.get(_ORDINARY)


def _plain(words: str, parties: Parties) -> str:
    lower = without_future(without_advice(words[:_LOOKED_AT].replace("’", "'").lower()))
    lower = " ".join(lower.split())
    text = _without_name(parties.mark(_LINK.sub(" ", lower)), parties)
    text = _JOINED.sub(lambda name: name[0].replace("_", " "), text)
    text = _BRACKETED.sub(r"\1", text)
    return _BOILERPLATE.sub(" ", _COMPOUND.sub(" ", text))


def _without_name(text: str, parties: Parties) -> str:
    """Replace the recipient's name on its own by the mark of an address, unless it is a word."""
    name = name_alone(parties.recipient)
    return text if name is None else name.sub("@", text)


def _is_ambiguous(text: str, parties: Parties) -> bool:
    """Return whether the recipient's carrier also answers "unknown" to filtered mail."""
    carrier = carrier_of(parties.domain)
    return carrier is not None and not (carrier.names_the_unknown and "@" in text)


def _first(themes: tuple[tuple[Reason, Phrases], ...], text: str) -> Reason | None:
    return next((reason for reason, theme in themes if theme.occurs_in(text)), None)


def _quotes_only_sender(text: str) -> bool:
    """Return whether our address is the only one in a reply, which is then about our address."""
    is_reply = len(text) <= _ONE_REPLY and bool(find_reply(text))
    return is_reply and SENDER_ADDRESS in text and "@" not in text


def _denied_recipient(text: str, *, code: str, refused: bool, parties: Parties) -> Reason | None:
    """Return the reason if the text plainly denies the recipient or the recipient's host."""
    of_sender = _is_of_sender(text)
    if not of_sender and _takes_no_mail(text, code):
        return Reason.NO_MAIL_ACCEPTED
    if code in _SENDER_CODES and not occur_in(NAMED_ABSENT, without_names(text)):
        return Reason.SENDER_REJECTED
    outright = _words().for_sure.occurs_in(text) and not occur_in(
        ABOUT_SENDER_OUTRIGHT, without_names(text)
    )
    # These two wordings are certain with any code.
    outright = outright or (not of_sender and denies_for_good(without_names(text)))
    if outright or (code == "4.1" and _ACCESS_DENIED in text):
        return Reason.USER_UNKNOWN
    if _denies_recipients_host(text, code=code, of_sender=of_sender, parties=parties):
        return Reason.HOST_UNKNOWN
    if refused and _words().perhaps.occurs_in(text) and not _blames_sender(text, parties):
        return Reason.USER_UNKNOWN
    return None


def _is_in_doubt(text: str, code: str) -> bool:
    """Return whether a reply denies the recipient and also calls that temporary or uncertain."""
    if len(text) > _ONE_REPLY:  # the text of a bounce message, with advice for all cases
        return False
    this_reply = without_names(_ANOTHER_REPLY.split(text)[0])
    # With diacritics: "könnte" is a supposition, "konnte" is not.
    supposed = SUPPOSING.search(this_reply) is not None
    this_reply = without_marks(this_reply)
    passing = supposed or PASSING.search(this_reply) is not None
    return GREYLISTED.search(this_reply) is not None or (code not in _DENYING_CODES and passing)


def _also_denies_recipient(text: str, parties: Parties) -> bool:
    """Return whether a reply that refuses us also denies a mailbox; then the fault stays open."""
    if len(text) > _ONE_REPLY or counts_people(without_names(text)) or _is_of_sender(text):
        return False
    denied = _MAY_NOT_EXIST.search(text) or occur_in(PERSON, without_names(text))
    return bool(denied) and not _names_foreign_domain(text, parties)


def _is_unavailable_mailbox(text: str, code: str) -> bool:
    """Return whether an unavailable mailbox exists according to its code (RFC 3463, 3.3)."""
    rest, count = _UNAVAILABLE.subn(" ", text)
    return code == "2.1" and count > 0 and not occur_in(PERSON, without_names(rest))


def _takes_no_mail(text: str, code: str) -> bool:
    # RFC 7505 assigns 5.7.27 to a null MX of the sender; sendmail uses it for the recipient's.
    of_security = code.startswith("7.") and code != "7.27"
    barred = _FROM_SOME.search(text) is not None or _words().barring.occurs_in(text)
    return _words().no_mail.occurs_in(text) and not (of_security or barred)


def _denies_recipients_host(text: str, *, code: str, of_sender: bool, parties: Parties) -> bool:
    if _is_for_now(text):
        return False
    hosts = {one[1] for one in NAMED_HOST_ABSENT.finditer(text)}
    if "nxdomain" in text and parties.domain and not of_sender:
        hosts |= {parties.domain} if parties.domain in text else set()
    if parties.domain in hosts and not occur_in(PERSON, without_names(text)):
        return True
    if code not in _NO_HOST_CODES or of_sender or _names_foreign_domain(text, parties):
        return False
    return _words().host.occurs_in(text) or occur_in(NO_HOST, text)


def _remaining_reason(text: str, *, code: str, certain: bool, parties: Parties) -> Reason | None:
    """Return the reason that remains if the text does not blame the sender."""
    named = _words().host.occurs_in(text)
    # A security code (7.x) is about the sender, so an unknown host is the sender's host.
    of_us = code.startswith("7.") or _is_of_sender(text) or not _is_recipients_host(text, parties)
    if _words().named.occurs_in(text) or _names_foreign_domain(text, parties) or (named and of_us):
        return Reason.SENDER_REJECTED
    if named:
        return Reason.NETWORK if _is_for_now(text) else Reason.HOST_UNKNOWN
    if _words().filtered.occurs_in(text):
        return Reason.FILTERED
    if _words().perhaps.occurs_in(text):
        nobody = certain and not _blames_sender(text, parties)
        crowd = Reason.BLOCKED if counts_people(without_names(text)) else Reason.FILTERED
        return Reason.USER_UNKNOWN if nobody else crowd
    way = _first(_words().way, text)
    if _is_for_now(text):
        return Reason.NETWORK if code in _NO_HOST_CODES else way
    ours = not certain or _blames_sender(text, parties)
    # "Not in the LDAP directory" denies a person and does not mean a broken directory. "No route
    # to this mailbox" denies a person if the code does.
    denied = occur_in(PERSON, without_names(text)) or _lookup_was_empty(text)
    person = (way is Reason.SYSTEM and denied) or (way in _OF_SYSTEM and code == "1.1")
    return None if person and not ours else way


def _is_for_now(text: str) -> bool:
    return _words().for_now.occurs_in(text) or FOR_NOW.search(text) is not None


def _names_foreign_domain(text: str, parties: Parties) -> bool:
    """Return whether a server denies a domain other than the recipient's: it must be ours."""
    if not find_reply(text) or not parties.recipient:
        return False
    denied = (match[1] for match in NAMED_HOST_ABSENT.finditer(text))
    return any(not parties.is_recipients(one) for one in denied)


def _is_recipients_host(text: str, parties: Parties) -> bool:
    """Return whether an unknown domain can be the recipient's: servers know their own domains."""
    reply = find_reply(text)
    if not reply or reply == "556" or any(sign in text for sign in ("rout", "recipient", "tenant")):
        return True
    if "@" in text or (bool(parties.domain) and parties.domain in text):
        return True
    # A server looks up the client in DNS. "No such host" is about the recipient's host.
    return _ADDRESSED_HOST.search(text) is not None and IP_ADDRESS.search(text) is None


def _is_of_sender(text: str) -> bool:
    if ("@" in text or "recipient" in text) and not _NAMES_SENDER.search(text):
        # A recipient can be looked up by call-out as well: the reply names the party it is about.
        text = _CALLOUT.sub(" ", text)
    if _words().named.occurs_in(text) or PROVES_SENDER.search(text):
        return True
    return occur_in(ABOUT_SENDER, without_names(text))


def _blames_sender(text: str, parties: Parties) -> bool:
    """Return whether "unknown" is about the sender, about many people, or about the content."""
    of_us = (
        _words().blaming.occurs_in(text)
        or _is_of_sender(text)
        or _names_foreign_domain(text, parties)
    )
    return of_us or _WITHIN_MESSAGE.search(text) is not None or counts_people(without_names(text))


def _by_grammar(text: str, *, command: str, certain: bool, parties: Parties) -> Reason | None:
    """Return the reason of a clause by its grammar, where no phrase matches."""
    own = _is_recipients_host(text, parties)
    looked_up = _lookup_was_empty(text)
    text = without_names(text)
    if occur_in(ABOUT_SENDER, text) or PROVES_SENDER.search(text):
        return Reason.SENDER_REJECTED
    if occur_in(UNWANTED, text) or _words().blaming.occurs_in(text):
        return Reason.BLOCKED
    if occur_in(PERSON, text):
        within = _WITHIN_MESSAGE.search(text) is not None or counts_people(text)
        return Reason.USER_UNKNOWN if certain and not within else Reason.FILTERED
    if certain and looked_up:
        return Reason.USER_UNKNOWN
    if command in {"", "RCPT"} and own and occur_in(NO_HOST, text):
        return Reason.NETWORK if _is_for_now(text) else Reason.HOST_UNKNOWN
    return None


def _lookup_was_empty(text: str) -> bool:
    """Return whether a directory lookup found nothing; for RCPT, the recipient was looked up."""
    prepared = without_names(text)
    return occur_in(LOOKED_UP, prepared) and LOOKED_UP_ELSEWHERE.search(prepared) is None
