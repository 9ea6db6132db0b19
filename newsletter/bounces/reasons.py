"""Reasons: what a refusal amounts to, from its words and its codes.

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

from newsletter.bounces.addresses import SENDER_ADDRESS, SENDER_DOMAIN, Parties
from newsletter.bounces.model import PERMANENT, Reason
from newsletter.bounces.phrase_tables import Pairs, Phrases, Vocabulary, pairs, patterns
from newsletter.bounces.replies import find_reply
from newsletter.bounces.tables import carrier_of, is_for_now, reason_of_reply, reason_of_status

_LOOKED_AT = 2_000
#: What a system says of an address itself, without quoting a reply.
_ONE_SENTENCE = 160
#: What one reply of several lines holds; longer words are a bounce's, which names us anyway.
_ONE_REPLY = 400
_STRANGERS = Parties()
_ORDINARY = Vocabulary.load()
_VOCABULARY: ContextVar[Vocabulary] = ContextVar("vocabulary")
_GRAMMAR = patterns("grammar")
_LINK = re.compile(r"https?://\S{1,400}")
_HOST_NAME = re.compile(r"(?<![\w-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,9}(?![\w-])")
#: Said in each case: sendmail's and qmail's last lines, PowerMTA's count.
_BOILERPLATE = re.compile(
    r"55[04] 5\.0\.0 service unavailable|giving up on [0-9a-f.:]{3,45}"
    r"|\(delivery attempts: \d{1,4}\)|(?:^<?@>?: )?\bhost [\w.-]{1,200}\[[0-9a-f.:]{2,45}\] said:"
    r"|\(in reply to [a-z ]{4,24} command\)"
)
_IP_ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)")
#: An address of the network, by its name in several languages.
_IP_NAMED = re.compile(
    r"(?<![a-z])(?:client )?ip(?:v[46])?[- ]?(?:addresse?s?|adress?en?|adresa|адрес\w{0,2})"
    r"|(?<![a-z])ip ?(?:アドレス|地址|주소)"
    r"|\b(?:adresse|direcci[oó]n|indirizzo|endere[cç]o|adres[as]?|адрес\w{0,2}|địa chỉ|alamat) ip\b"
)
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
#: Where somebody is missing, which is no permission that they lack.
_AT_THIS_HOST = (
    "(?:(?:この|当|弊社|本|이)[ ]?(?:メール)?(?:サーバー?|システム|ドメイン|서버)"
    "(?:上|内)?(?:には?|에)[ ]?)?"
)
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
    pairs(_OURS, (*_GRAMMAR["absent"], *_GRAMMAR["host_absent"])),
    pairs((*_GRAMMAR["denied"], *_GRAMMAR["host_denied"]), _OURS, between=_CLOSE),
)
_OF_US: tuple[Pairs, ...] = (
    *_OURS_ABSENT,
    pairs(_OURS, (*_GRAMMAR["unwanted"], r"access denied")),
    pairs(_GRAMMAR["unwanted"], _OURS, between=_CLOSE),
    pairs((*_GRAMMAR["person"], *_GRAMMAR["absent"]), _OURS, between=r"[ :'\"<(]{1,4}"),
    pairs(_GRAMMAR["sender"], (*_GRAMMAR["absent"], *_GRAMMAR["unwanted"], "no such")),
    pairs(_GRAMMAR["denied"], _GRAMMAR["sender"], between=_CLOSE),
    pairs(
        _GRAMMAR["sender_unspaced"],
        (*_GRAMMAR["absent_unspaced"], *_GRAMMAR["none_unspaced"]),
        between=_BESIDE,
        spaced=False,
    ),
    pairs(_GRAMMAR["absent_unspaced"], _GRAMMAR["sender_unspaced"], between="", spaced=False),
)
_PERSON: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["person"], _GRAMMAR["absent"], between=_ITSELF),
    pairs((*_GRAMMAR["person"], "thisaddress"), _GRAMMAR["gone"], between="[ '\">)]{1,3}"),
    pairs(_GRAMMAR["denied"], _GRAMMAR["person"], between=_CLOSE),
    pairs(("thisaddress",), _GRAMMAR["absent"], between=_AT_ONCE),
    pairs(_GRAMMAR["denied"], ("thisaddress",), between=_CLOSE),
    pairs(
        _GRAMMAR["person_unspaced"],
        _GRAMMAR["absent_unspaced"],
        between=_ITSELF_UNSPACED,
        spaced=False,
    ),
    pairs(
        _GRAMMAR["person_unspaced"],
        _GRAMMAR["none_unspaced"],
        between=f"(?:様|さま)?[」』>\"' @]{{0,3}}[がはも이가은는]?[ ]?{_AT_THIS_HOST}",
        spaced=False,
    ),
    pairs(_GRAMMAR["absent_unspaced"], _GRAMMAR["person_unspaced"], between=_OF_THAT, spaced=False),
)
#: The recipient by their address, and that it is missing.
_NAMED_ABSENT: tuple[Pairs, ...] = (
    pairs(("thisaddress",), (*_GRAMMAR["absent"], "user unknown"), between=_AT_ONCE),
    pairs(_GRAMMAR["denied"], ("thisaddress",), between=_CLOSE),
)
_OF_SENDER_OUTRIGHT: tuple[Pairs, ...] = (
    *_OURS_ABSENT,
    pairs(("sender",), (r"verif\w*", "rejected", "unknown"), between=r"[ :]{1,2}(?:address )?"),
)
_ROOM: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["room"], _GRAMMAR["full"]),
    pairs(_GRAMMAR["full"], _GRAMMAR["room"], between=_CLOSE),
    pairs(_GRAMMAR["room_unspaced"], _GRAMMAR["full_unspaced"], between=_BESIDE, spaced=False),
)
_UNWANTED: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["traffic"], _GRAMMAR["unwanted"]),
    pairs(("clientaddress",), _GRAMMAR["unwanted"], between=r"[])'\" ]{1,3}(?:is |was |has been )"),
)
#: A domain by its name, and that there is none.
_NAMED_HOST_ABSENT = re.compile(
    r"(?<![\w@.-])(?<!\bat )(?<!\bin )(?<!\bon )((?:[a-z0-9-]{1,63}\.){1,9}[a-z][a-z0-9-]{1,62})"
    r"[>\"')]{0,2}(?::? (?:domain|host)(?: name)?)? "
    rf"(?:{'|'.join(_GRAMMAR['host_absent'])})\b"
    r"(?! (?:user|recipient|mailbox|address|account|local))"
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
_FOR_NOW = re.compile("|".join(_GRAMMAR["host_for_now"]))
_DORMANT = pairs(_GRAMMAR["person"], _GRAMMAR["dormant"])
#: Alone it leaves open whether there is a mailbox.
_UNAVAILABLE = re.compile(r"\b(?:mailbox|account) (?:is )?(?:unavailable|not available)\b")
#: Two faults of which a reply leaves open which it is, unless it says so besides.
_EITHER = re.compile(
    r"\b(?:mailbox|account|user|recipient|address) (?:is )?"
    r"(?:unavailable|not available|unknown|not found|invalid|disabled|inactive|full)"
    r" or (?:access denied|unavailable|unknown|not found|invalid|disabled|inactive|full)\b",
    re.IGNORECASE,
)
_NO_HOST: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["host"], _GRAMMAR["host_absent"]),
    pairs(_GRAMMAR["host_denied"], _GRAMMAR["host"], between=_CLOSE),
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
        near: They were said of this address, not somewhere in the bounce: where no command is
            known, plain words that nobody is there are then believed.
    """
    particular = _EITHER.sub(" ", words)
    if particular != words:
        found = reason_of_words(
            particular, status=status, command=command, parties=parties, near=near
        )
        if found is Reason.USER_UNKNOWN:
            return found
    text = _plain(words, parties)
    code = status.partition(".")[2]
    if not command and near and any(sign in text for sign in _ANSWERS_RCPT):
        command = "RCPT"
    refused = command in _OF_RECIPIENT or (code in _NOBODY and command not in _OF_SENDER)
    plain = near and not command and code in _LEAVES_IT_TO_WORDS
    plain = plain and (len(text) <= _ONE_SENTENCE or bool(find_reply(text)))
    plain = plain and not _hides(text, parties)
    found = (
        _first(_words().mailbox, text)
        or (Reason.MAILBOX_FULL if _any(_ROOM, _unnamed(text)) else None)
        or (Reason.SUSPENDED if _DORMANT.occurs_in(_unnamed(text)) else None)
        or _nobody(text, code=code, refused=refused, parties=parties)
        or (Reason.BLOCKED if _BLOCK_LISTS.search(words[:_LOOKED_AT].lower()) else None)
        or _first(_words().others, text)
        or (Reason.SUSPENDED if _is_shut(text, code) else None)
        or _elsewhere(text, code=code, certain=refused or plain, parties=parties)
        or _by_grammar(text, command=command, certain=refused or plain, parties=parties)
        or Reason.UNKNOWN
    )
    if found in {*PERMANENT, Reason.FILTERED, Reason.UNKNOWN} and (
        _quotes_only_us(text) or (command in _OF_SENDER and found in _OF_ADDRESS)
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
    text = _plain(words, parties)
    if _is_of_sender(text) or _is_for_now(text):
        return False
    if _OF_SERVER.search(text) or _IP_NAMED.search(text):
        return False
    return _words().at_last.occurs_in(text)


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
    return _BOILERPLATE.sub(" ", parties.mark(_LINK.sub(" ", lower)))


def _hides(text: str, parties: Parties) -> bool:
    """Tell whether "unknown" is what the recipient's carrier says of filtered mail as well."""
    carrier = carrier_of(parties.domain)
    return carrier is not None and not (carrier.names_the_unknown and "@" in text)


def _first(themes: tuple[tuple[Reason, Phrases], ...], text: str) -> Reason | None:
    return next((reason for reason, theme in themes if theme.occurs_in(text)), None)


def _quotes_only_us(text: str) -> bool:
    """Tell whether the only address that a reply quotes is ours: that is what it speaks of."""
    is_reply = len(text) <= _ONE_REPLY and bool(find_reply(text))
    return is_reply and SENDER_ADDRESS in text and "@" not in text


def _nobody(text: str, *, code: str, refused: bool, parties: Parties) -> Reason | None:
    """Return that the person or the host is unknown, where it is said outright."""
    of_sender = _is_of_sender(text)
    if not of_sender and _takes_no_mail(text, code):
        return Reason.NO_MAIL_ACCEPTED
    if code in _SENDER_CODES and not _any(_NAMED_ABSENT, _unnamed(text)):
        return Reason.SENDER_REJECTED
    outright = _words().for_sure.occurs_in(text) and not _any(_OF_SENDER_OUTRIGHT, _unnamed(text))
    if outright or (code == "4.1" and _ACCESS_DENIED in text):
        return Reason.USER_UNKNOWN
    if _denies_recipients_host(text, code=code, of_sender=of_sender, parties=parties):
        return Reason.HOST_UNKNOWN
    if refused and _words().perhaps.occurs_in(text) and not _blames_us(text, parties):
        return Reason.USER_UNKNOWN
    return None


def _is_shut(text: str, code: str) -> bool:
    """Tell whether a mailbox is unavailable that exists by its code (RFC 3463, 3.3)."""
    rest, count = _UNAVAILABLE.subn(" ", text)
    return code == "2.1" and count > 0 and not _any(_PERSON, _unnamed(rest))


def _takes_no_mail(text: str, code: str) -> bool:
    # RFC 7505 gives 5.7.27 to the sender's null MX; sendmail says it of the recipient's.
    of_security = code.startswith("7.") and code != "7.27"
    barred = _FROM_SOME.search(text) is not None or _words().barring.occurs_in(text)
    return _words().no_mail.occurs_in(text) and not (of_security or barred)


def _denies_recipients_host(text: str, *, code: str, of_sender: bool, parties: Parties) -> bool:
    if _is_for_now(text):
        return False
    hosts = {one[1] for one in _NAMED_HOST_ABSENT.finditer(text)}
    if parties.domain in hosts and not _any(_PERSON, _unnamed(text)):
        return True
    if code not in _NO_HOST_CODES or of_sender or _names_stranger(text, parties):
        return False
    return _words().host.occurs_in(text) or _any(_NO_HOST, text)


def _elsewhere(text: str, *, code: str, certain: bool, parties: Parties) -> Reason | None:
    """Return what remains to be said once nobody blames the sender."""
    named = _words().host.occurs_in(text)
    # Security (x.7.x) asks who sends: a host that is unknown then is the sender's.
    of_us = code.startswith("7.") or _is_of_sender(text) or not _is_recipients_host(text, parties)
    if _words().named.occurs_in(text) or _names_stranger(text, parties) or (named and of_us):
        return Reason.SENDER_REJECTED
    if named:
        return Reason.NETWORK if _is_for_now(text) else Reason.HOST_UNKNOWN
    if _words().filtered.occurs_in(text):
        return Reason.FILTERED
    if _words().perhaps.occurs_in(text):
        ours = _blames_us(text, parties)
        return Reason.USER_UNKNOWN if certain and not ours else Reason.FILTERED
    if code in _NO_HOST_CODES and _is_for_now(text):
        return Reason.NETWORK
    return _first(_words().way, text)


def _is_for_now(text: str) -> bool:
    return _words().for_now.occurs_in(text) or _FOR_NOW.search(text) is not None


def _names_stranger(text: str, parties: Parties) -> bool:
    """Tell whether a server denies a domain that is not the recipient's: it is our side's, then."""
    if not find_reply(text) or not parties.recipient:
        return False
    denied = (match[1] for match in _NAMED_HOST_ABSENT.finditer(text))
    return any(not parties.is_recipients(one) for one in denied)


def _is_recipients_host(text: str, parties: Parties) -> bool:
    """Tell whether an unknown domain can be the recipient's: a server knows its own."""
    reply = find_reply(text)
    if not reply or reply == "556" or any(sign in text for sign in ("rout", "recipient", "tenant")):
        return True
    if "@" in text or (bool(parties.domain) and parties.domain in text):
        return True
    # Looked up in DNS is whom a server does not know; "no such host" it says of the one addressed.
    return _ADDRESSED_HOST.search(text) is not None and _IP_ADDRESS.search(text) is None


def _is_of_sender(text: str) -> bool:
    return _words().named.occurs_in(text) or _any(_OF_US, _unnamed(text))


def _blames_us(text: str, parties: Parties) -> bool:
    """Tell whether "unknown" is said of the sender, of a crowd, or of what the message holds."""
    of_us = (
        _words().blaming.occurs_in(text) or _is_of_sender(text) or _names_stranger(text, parties)
    )
    return of_us or _WITHIN_MESSAGE.search(text) is not None


def _by_grammar(text: str, *, command: str, certain: bool, parties: Parties) -> Reason | None:
    """Return what a clause amounts to that no phrase foresaw."""
    own = _is_recipients_host(text, parties)
    text = _unnamed(text)
    if _any(_OF_US, text):
        return Reason.SENDER_REJECTED
    if _any(_UNWANTED, text) or _words().blaming.occurs_in(text):
        return Reason.BLOCKED
    if _any(_PERSON, text):
        within = _WITHIN_MESSAGE.search(text) is not None
        return Reason.USER_UNKNOWN if certain and not within else Reason.FILTERED
    if command in {"", "RCPT"} and own and _any(_NO_HOST, text):
        return Reason.NETWORK if _is_for_now(text) else Reason.HOST_UNKNOWN
    return None


def _unnamed(text: str) -> str:
    """Put a mark for each host: the full stops in it end no clause, its labels are no words."""
    text = _IP_NAMED.sub("clientaddress", _IP_ADDRESS.sub("clientaddress", text))
    text = _HOST_NAME.sub("#", text)
    return text.replace("@", "thisaddress").replace("...", " ")


def _any(theme: tuple[Pairs, ...], text: str) -> bool:
    return any(one.occurs_in(text) for one in theme)
