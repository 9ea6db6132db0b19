"""Classifying: what a refusal amounts to, from its words and its codes.

Words go first where they say something particular, since servers answer 5.1.1 to full mailboxes and
5.7.1 to nearly anything. What they say is said of whom they name: the same denial is hard of the
recipient and soft of the sender. That nobody is there is believed of a directory's own words, of a
code that says so, of a refused RCPT, and of plain words where no command is told; after DATA
content filters use the same words. The rules in their order: docs/bounces.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from newsletter.bounces.carriers import carrier_of
from newsletter.bounces.dialogue import find_reply
from newsletter.bounces.model import PERMANENT, Reason
from newsletter.bounces.parties import SENDER_ADDRESS, SENDER_DOMAIN, Parties
from newsletter.bounces.phrases import Phrases, grammar
from newsletter.bounces.phrases.grammar import Pairs, pairs
from newsletter.bounces.statuses import is_for_now, reason_of_reply, reason_of_status
from newsletter.bounces.vocabulary import Vocabulary

_LOOKED_AT = 2_000
#: What a system says of an address itself, without quoting a reply.
_ONE_SENTENCE = 160
#: What one reply of several lines holds; longer words are a notice's, which names us anyway.
_ONE_REPLY = 400
_STRANGERS = Parties()
_ORDINARY = Vocabulary.load()
_VOCABULARY: ContextVar[Vocabulary] = ContextVar("vocabulary")
_LINK = re.compile(r"https?://\S{1,400}")
_HOST_NAME = re.compile(r"(?<![\w-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,9}(?![\w-])")
#: Said in each case: sendmail's and qmail's last lines, PowerMTA's count.
_SAID_ANYWAY = re.compile(
    r"55[04] 5\.0\.0 service unavailable|giving up on [0-9a-f.:]{3,45}"
    r"|\(delivery attempts: \d{1,4}\)|(?:^<?@>?: )?\bhost [\w.-]{1,200}\[[0-9a-f.:]{2,45}\] said:"
    r"|\(in reply to [a-z ]{4,24} command\)"
)
_IP_ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)")
_BLOCK_LISTS = re.compile(
    r"spamhaus\.|spamcop\.|barracudacentral\.|sorbs\.|abuseat\.|surbl\.|uceprotect|njabl\.|cbl\.|psbl\."
    r"|mailspike|invaluement|senderscore|dnsbl|rbldns|spamrl|sbl-xbl|att\.net/blocks"
)

#: Between what denies a thing and the thing.
_CLOSE = r"[ '\"<(:]{1,3}(?:\w{1,12} ){0,2}"
_AT_ONCE = r"[^a-z;]{0,12}(?:is |was )?"
_BESIDE = r"[^。、.,;]{0,16}?"
#: The recipient's server is not the recipient.
_SERVERS_UNSPACED = "の(?:メール)?(?:サーバ|ホスト)"
_SERVERS = "'s? (?:e-?mail |mail )?(?:server|host|system|provider|domain)"
_OF_SERVER = re.compile(f"{_SERVERS_UNSPACED}|{_SERVERS}")
_ITSELF_UNSPACED = rf"(?!{_SERVERS_UNSPACED})[^.;!?。！？；]{{0,40}}?"
_ITSELF = rf"(?!{_SERVERS})[^.;!?]{{0,40}}?"
#: What is missing in "no such user", not what another refused for.
_OF_THAT = r"(?:(?!而|被|ため|ので|により|때문)[^。、.,;]){0,16}?"

#: What words say by their grammar, asked where no phrase is known.
_OURS = (SENDER_ADDRESS, SENDER_DOMAIN)
#: Our own address or domain by name, and that it is missing: whatever follows is said of it.
_OURS_ABSENT: tuple[Pairs, ...] = (
    pairs(_OURS, (*grammar.ABSENT, *grammar.HOST_ABSENT)),
    pairs((*grammar.DENIED, *grammar.HOST_DENIED), _OURS, between=_CLOSE),
)
_OF_US: tuple[Pairs, ...] = (
    *_OURS_ABSENT,
    pairs(_OURS, (*grammar.UNWANTED, r"access denied")),
    pairs(grammar.UNWANTED, _OURS, between=_CLOSE),
    pairs((*grammar.PERSON, *grammar.ABSENT), _OURS, between=r"[ :'\"<(]{1,4}"),
    pairs(grammar.SENDER, (*grammar.ABSENT, *grammar.UNWANTED, "no such")),
    pairs(grammar.DENIED, grammar.SENDER, between=_CLOSE),
    pairs(
        grammar.SENDER_UNSPACED,
        (*grammar.ABSENT_UNSPACED, *grammar.NONE_UNSPACED),
        between=_BESIDE,
        spaced=False,
    ),
)
_PERSON: tuple[Pairs, ...] = (
    pairs(grammar.PERSON, grammar.ABSENT, between=_ITSELF),
    pairs((*grammar.PERSON, "thisaddress"), grammar.GONE, between="[ '\">)]{1,3}"),
    pairs(grammar.DENIED, grammar.PERSON, between=_CLOSE),
    pairs(("thisaddress",), grammar.ABSENT, between=_AT_ONCE),
    pairs(grammar.DENIED, ("thisaddress",), between=_CLOSE),
    pairs(grammar.PERSON_UNSPACED, grammar.ABSENT_UNSPACED, between=_ITSELF_UNSPACED, spaced=False),
    pairs(
        grammar.PERSON_UNSPACED,
        grammar.NONE_UNSPACED,
        between="(?:様|さま)?[」』>\"' @]{0,3}[がはも이가은는]?[ ]?",
        spaced=False,
    ),
    pairs(grammar.ABSENT_UNSPACED, grammar.PERSON_UNSPACED, between=_OF_THAT, spaced=False),
)
#: The recipient by their address, and that it is missing.
_NAMED_ABSENT: tuple[Pairs, ...] = (
    pairs(("thisaddress",), (*grammar.ABSENT, "user unknown"), between=_AT_ONCE),
    pairs(grammar.DENIED, ("thisaddress",), between=_CLOSE),
)
_OF_SENDER_OUTRIGHT: tuple[Pairs, ...] = (
    *_OURS_ABSENT,
    pairs(("sender",), (r"verif\w*", "rejected", "unknown"), between=r"[ :]{1,2}(?:address )?"),
)
_ROOM: tuple[Pairs, ...] = (
    pairs(grammar.ROOM, grammar.FULL),
    pairs(grammar.FULL, grammar.ROOM, between=_CLOSE),
    pairs(grammar.ROOM_UNSPACED, grammar.FULL_UNSPACED, between=_BESIDE, spaced=False),
)
_UNWANTED: tuple[Pairs, ...] = (
    pairs(grammar.TRAFFIC, grammar.UNWANTED),
    pairs(("clientaddress",), grammar.UNWANTED, between=r"[])'\" ]{1,3}(?:is |was |has been )"),
)
#: A domain by its name, and that there is none.
_NAMED_HOST_ABSENT = re.compile(
    r"(?<![\w@.-])(?<!\bat )(?<!\bin )(?<!\bon )((?:[a-z0-9-]{1,63}\.){1,9}[a-z][a-z0-9-]{1,62})"
    r"[>\"')]{0,2}(?::? (?:domain|host)(?: name)?)? "
    rf"(?:{'|'.join(grammar.HOST_ABSENT)})\b(?! (?:user|recipient|mailbox|address|account|local))"
)
#: An address that the message holds, which is no recipient's.
_WITHIN_MESSAGE = re.compile(
    r"\b(?:address|recipient|user)\w{0,2} in (?:the |its |your |an? )?(?:[\w-]{1,12} )?"
    r"(?:header|body|field|link|message|text)"
)
_ADDRESSED_HOST = re.compile(
    r"(?<!from )unknown (?:host|domain)\b|\b(?:host|domain)(?: name)?(?: is)? unknown"
    r"|no such (?:host|domain)\b"
)
_FOR_NOW = re.compile("|".join(grammar.HOST_FOR_NOW))
_DORMANT = pairs(grammar.PERSON, grammar.DORMANT)
#: Alone it leaves open whether there is a mailbox.
_UNAVAILABLE = re.compile(r"\b(?:mailbox|account) (?:is )?(?:unavailable|not available)\b")
_NO_HOST: tuple[Pairs, ...] = (
    pairs(grammar.HOST, grammar.HOST_ABSENT),
    pairs(grammar.HOST_DENIED, grammar.HOST, between=_CLOSE),
)
#: Then it takes mail, but not from everybody.
_FROM_SOME = re.compile(
    r"accept mail from|service (?:here )?for (?:unknown|your|this|such|these|unauthori[sz]ed)"
)
#: With 5.4.1 it is Exchange Online's for an address that its directory does not hold.
_ACCESS_DENIED = "recipient address rejected: access denied"
#: Replies to these commands come before any content is seen, and speak of the one recipient.
_OF_RECIPIENT = frozenset({"RCPT", "VRFY"})
_OF_SENDER = frozenset({"MAIL", "EHLO", "HELO", "CONN"})
#: Said of the sender's address or host in reply to such a command.
_OF_ADDRESS = frozenset({Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.FILTERED})
_NOBODY = frozenset({"1.0", "1.1", "1.2", "1.3"})
_NO_HOST_CODES = frozenset({"1.2", "4.4"})
#: RFC 3463, 3.2: the sender's mailbox or system address is what is wrong.
_SENDER_CODES = frozenset({"1.7", "1.8"})
#: Codes that say too little to stand against plain words; all others name another fault.
_LEAVES_IT_TO_WORDS = frozenset(
    {"", "0.0", "1.0", "1.1", "1.2", "1.3", "2.0", "2.1", "4.4", "5.0", "7.0", "7.1"}
)
#: Only a refused RCPT is answered so, where no command is told.
_ANSWERS_RCPT = ("recipient address rejected", "rcpt to:", "command rcpt")
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
def using(vocabulary: Vocabulary) -> Iterator[None]:
    """Read with another vocabulary meanwhile, to see what the rules find without some phrases."""
    token = _VOCABULARY.set(vocabulary)
    reason_of_words.cache_clear()
    try:
        yield
    finally:
        _VOCABULARY.reset(token)
        reason_of_words.cache_clear()


@lru_cache(maxsize=64)  # a report's recipients share most of its words
def reason_of_words(
    words: str,
    *,
    status: str = "",
    command: str = "",
    parties: Parties = _STRANGERS,
    near: bool = False,
) -> Reason:
    """Return what words say, read together with the code and the command they came with.

    ``UNKNOWN`` when they say nothing in particular.

    Args:
        words: What the other side said.
        status: Enhanced status code.
        command: The SMTP command that was refused, in capitals, where that is known.
        parties: Whose the addresses and domains are that the words quote.
        near: They were said of this address, not somewhere in the notice: where no command is
            known, plain words that nobody is there are then believed.
    """
    said = _plain(words, parties)
    code = status.partition(".")[2]
    if not command and near and any(sign in said for sign in _ANSWERS_RCPT):
        command = "RCPT"
    refused = command in _OF_RECIPIENT or (code in _NOBODY and command not in _OF_SENDER)
    plain = near and not command and code in _LEAVES_IT_TO_WORDS
    plain = plain and (len(said) <= _ONE_SENTENCE or bool(find_reply(said)))
    plain = plain and not _hides(said, parties)
    found = (
        _first(_words().mailbox, said)
        or (Reason.MAILBOX_FULL if _any(_ROOM, _unnamed(said)) else None)
        or (Reason.SUSPENDED if _DORMANT.said_in(_unnamed(said)) else None)
        or _nobody(said, code=code, refused=refused, parties=parties)
        or (Reason.BLOCKED if _BLOCK_LISTS.search(words[:_LOOKED_AT].lower()) else None)
        or _first(_words().others, said)
        or (Reason.SUSPENDED if _is_shut(said, code) else None)
        or _elsewhere(said, code=code, certain=refused or plain, parties=parties)
        or _by_grammar(said, command=command, certain=refused or plain, parties=parties)
        or Reason.UNKNOWN
    )
    if found in {*PERMANENT, Reason.FILTERED, Reason.UNKNOWN} and (
        _quotes_only_us(said) or (command in _OF_SENDER and found in _OF_ADDRESS)
    ):
        return Reason.SENDER_REJECTED
    return found


def reason_of_codes(*, status: str, reply: str, command: str) -> Reason:
    """Return what codes say where words say nothing; ``UNKNOWN`` when they do neither."""
    found = reason_of_reply(reply)
    if found is Reason.UNKNOWN:
        found = reason_of_status(status)
    # RFC 7504: only with its own status does 521 speak of the host, alone it turns us away.
    if reply == "521":
        never = found is Reason.NO_MAIL_ACCEPTED or status.endswith(".3.2")
        found = Reason.NO_MAIL_ACCEPTED if never else Reason.BLOCKED
    if found is Reason.NO_MAIL_ACCEPTED and is_for_now(status, reply):
        return Reason.SYSTEM
    of_sender = command in _OF_SENDER and found in {*_VAGUE, Reason.USER_UNKNOWN}
    if of_sender:
        return Reason.SENDER_REJECTED if command == "MAIL" else Reason.BLOCKED
    return found


def speaks_of_nobody(words: str, parties: Parties = _STRANGERS) -> bool:
    """Tell whether words may mean that nobody is there; they are used of much else."""
    said = _plain(words, parties)
    if _is_of_sender(said) or _is_for_now(said) or _OF_SERVER.search(said):
        return False
    return _words().at_last.said_in(said)


def hides_behind_words(words: str, parties: Parties) -> bool:
    """Tell whether the recipient's system says "unknown" of what it filters, too."""
    return _hides(_plain(words, parties), parties)


def are_vague(*, status: str, command: str) -> bool:
    """Tell whether codes are so general that words further off are worth asking."""
    return command in _OF_SENDER or reason_of_status(status) in _VAGUE


def _words() -> Vocabulary:
    return _VOCABULARY.get(_ORDINARY)


def _plain(words: str, parties: Parties) -> str:
    lower = " ".join(words[:_LOOKED_AT].replace("’", "'").lower().split())
    return _SAID_ANYWAY.sub(" ", parties.mark(_LINK.sub(" ", lower)))


def _hides(said: str, parties: Parties) -> bool:
    """Tell whether "unknown" is what the recipient's carrier says of filtered mail as well."""
    carrier = carrier_of(parties.domain)
    return carrier is not None and not (carrier.names_the_unknown and "@" in said)


def _first(themes: tuple[tuple[Reason, Phrases], ...], said: str) -> Reason | None:
    return next((reason for reason, theme in themes if theme.said_in(said)), None)


def _quotes_only_us(said: str) -> bool:
    """Tell whether the only address that a reply quotes is ours: that is what it speaks of."""
    is_reply = len(said) <= _ONE_REPLY and bool(find_reply(said))
    return is_reply and SENDER_ADDRESS in said and "@" not in said


def _nobody(said: str, *, code: str, refused: bool, parties: Parties) -> Reason | None:
    """Return that the person or the host is unknown, where it is said outright."""
    of_sender = _is_of_sender(said)
    if not of_sender and _takes_no_mail(said, code):
        return Reason.NO_MAIL_ACCEPTED
    if code in _SENDER_CODES and not _any(_NAMED_ABSENT, _unnamed(said)):
        return Reason.SENDER_REJECTED
    outright = _words().for_sure.said_in(said) and not _any(_OF_SENDER_OUTRIGHT, _unnamed(said))
    if outright or (code == "4.1" and _ACCESS_DENIED in said):
        return Reason.USER_UNKNOWN
    if _denies_recipients_host(said, code=code, of_sender=of_sender, parties=parties):
        return Reason.HOST_UNKNOWN
    if refused and _words().perhaps.said_in(said) and not _blames_us(said, parties):
        return Reason.USER_UNKNOWN
    return None


def _is_shut(said: str, code: str) -> bool:
    """Tell whether a mailbox is unavailable that exists by its code (RFC 3463, 3.3)."""
    rest, count = _UNAVAILABLE.subn(" ", said)
    return code == "2.1" and count > 0 and not _any(_PERSON, _unnamed(rest))


def _takes_no_mail(said: str, code: str) -> bool:
    # RFC 7505 gives 5.7.27 to the sender's null MX; sendmail says it of the recipient's.
    of_security = code.startswith("7.") and code != "7.27"
    barred = _FROM_SOME.search(said) is not None or _words().barring.said_in(said)
    return _words().no_mail.said_in(said) and not (of_security or barred)


def _denies_recipients_host(said: str, *, code: str, of_sender: bool, parties: Parties) -> bool:
    if _is_for_now(said):
        return False
    hosts = {one[1] for one in _NAMED_HOST_ABSENT.finditer(said)}
    if parties.domain in hosts and not _any(_PERSON, _unnamed(said)):
        return True
    if code not in _NO_HOST_CODES or of_sender or _names_stranger(said, parties):
        return False
    return _words().host.said_in(said) or _any(_NO_HOST, said)


def _elsewhere(said: str, *, code: str, certain: bool, parties: Parties) -> Reason | None:
    """Return what remains to be said once nobody blames the sender."""
    named = _words().host.said_in(said)
    # Security (x.7.x) asks who sends: a host that is unknown then is the sender's.
    of_us = code.startswith("7.") or _is_of_sender(said) or not _is_recipients_host(said, parties)
    if _words().named.said_in(said) or _names_stranger(said, parties) or (named and of_us):
        return Reason.SENDER_REJECTED
    if named:
        return Reason.NETWORK if _is_for_now(said) else Reason.HOST_UNKNOWN
    if _words().filtered.said_in(said):
        return Reason.FILTERED
    if _words().perhaps.said_in(said):
        ours = _blames_us(said, parties)
        return Reason.USER_UNKNOWN if certain and not ours else Reason.FILTERED
    if code in _NO_HOST_CODES and _is_for_now(said):
        return Reason.NETWORK
    return _first(_words().way, said)


def _is_for_now(said: str) -> bool:
    return _words().for_now.said_in(said) or _FOR_NOW.search(said) is not None


def _names_stranger(said: str, parties: Parties) -> bool:
    """Tell whether a server denies a domain that is not the recipient's: it is our side's, then."""
    if not find_reply(said) or not parties.recipient:
        return False
    denied = (match[1] for match in _NAMED_HOST_ABSENT.finditer(said))
    return any(not parties.is_recipients(one) for one in denied)


def _is_recipients_host(said: str, parties: Parties) -> bool:
    """Tell whether an unknown domain can be the recipient's: a server knows its own."""
    reply = find_reply(said)
    if not reply or reply == "556" or any(sign in said for sign in ("rout", "recipient", "tenant")):
        return True
    if "@" in said or (bool(parties.domain) and parties.domain in said):
        return True
    # Looked up in DNS is whom a server does not know; "no such host" it says of the one addressed.
    return _ADDRESSED_HOST.search(said) is not None and _IP_ADDRESS.search(said) is None


def _is_of_sender(said: str) -> bool:
    return _words().named.said_in(said) or _any(_OF_US, _unnamed(said))


def _blames_us(said: str, parties: Parties) -> bool:
    """Tell whether "unknown" is said of the sender, of a crowd, or of what the message holds."""
    of_us = _words().blaming.said_in(said) or _is_of_sender(said) or _names_stranger(said, parties)
    return of_us or _WITHIN_MESSAGE.search(said) is not None


def _by_grammar(said: str, *, command: str, certain: bool, parties: Parties) -> Reason | None:
    """Return what a clause amounts to that no phrase foresaw."""
    own = _is_recipients_host(said, parties)
    said = _unnamed(said)
    if _any(_OF_US, said):
        return Reason.SENDER_REJECTED
    if _any(_UNWANTED, said) or _words().blaming.said_in(said):
        return Reason.BLOCKED
    if _any(_PERSON, said):
        within = _WITHIN_MESSAGE.search(said) is not None
        return Reason.USER_UNKNOWN if certain and not within else Reason.FILTERED
    if command in {"", "RCPT"} and own and _any(_NO_HOST, said):
        return Reason.NETWORK if _is_for_now(said) else Reason.HOST_UNKNOWN
    return None


def _unnamed(said: str) -> str:
    """Put a mark for each host: the full stops in it end no clause, its labels are no words."""
    said = _HOST_NAME.sub("#", _IP_ADDRESS.sub("clientaddress", said))
    return said.replace("@", "thisaddress").replace("...", " ")


def _any(theme: tuple[Pairs, ...], said: str) -> bool:
    return any(one.said_in(said) for one in theme)
