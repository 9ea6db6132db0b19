"""Clauses: who or what a sentence denies, by the grammar that mail systems have in common.

The words are the tables of ``phrases/grammar.toml``; here they are put together into pairs that
must stand in one clause. All are asked of words that `without_names` has prepared.
"""

from __future__ import annotations

import itertools
import re

from newsletter.bounces.addresses import SENDER_ADDRESS, SENDER_DOMAIN
from newsletter.bounces.phrase_tables import Pairs, grammar, pairs, without_marks

_GRAMMAR = grammar()
_ABSENT = (*_GRAMMAR["absent"], *_GRAMMAR["absent_abroad"])
_HOST_NAME = re.compile(r"(?<![\w-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,9}(?![\w-])")
IP_ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)")
#: An address of the network, by its name in several languages.
IP_NAMED = re.compile(
    r"(?<![a-z])(?:client )?ip(?:v[46])?[- ]?(?:addresse?s?|adress?e?\w{0,2}|адрес\w{0,2})"
    r"|(?<![a-z])ip ?(?:アドレス|地址|주소)"
    r"|\b(?:adresse|direcci[oó]n|indirizzo|endere[cç]o|adres[as]?|адрес\w{0,2}|địa chỉ|alamat) ip\b"
)
_CONTRACTED = re.compile(r"(?<=[a-z])n't\b")
#: The recipient's address behind their name.
_SAID_AGAIN = re.compile(r"@ ?(?:[(<\[]{1,2}@[)>\]]{1,2} ?){1,3}")
#: Between what denies a thing and the thing.
_CLOSE = (
    r"[ '\"<(:]{1,3}(?:"
    r"(?!(?:room|space|place|access|permission|reply|answer|connection|records?)\b)"
    r"(?!(?:platz|raum|speicher\w{0,6}|zugriff|zugang|verbindung|espace|espacio|espaço|spazio)\b)"
    r"(?!(?:accès|acceso|acesso|accesso|ruimte|plats|plass|plads|miejsca|místa|мест\w)\b)"
    r"\w{1,12} ){0,2}"
)
#: "Is", "was" and "has been" of several languages, which add nothing to what is missing.
_IS = (
    "is |was |has |does |did |has been |ist |war |wurde |wird |est |a été |es |est[aá] |ha sido "
    "|fue |é |foi |è |è stat[oa] |risulta |jest |został[ao]? |är |er |je |byl[ao]? |bol[ao]? "
    "|este |e |on |on jo |werd |не |был[ао]? |είναι |hier |leider |bereits "
)
_AT_ONCE = rf"[^a-z;]{{0,12}}(?:{_IS}){{0,2}}"
_BESIDE = r"[^。、.,;]{0,16}?"
#: The recipient's server is not the recipient.
_SERVERS_UNSPACED = "の?(?:メール)?(?:サーバ|ホスト)"
#: Where somebody is missing, which is no permission that they lack.
_AT_THIS_HOST = (
    "(?:(?:この|当|弊社|本|이)[ ]?(?:メール)?(?:サーバー?|システム|ドメイン|서버)"
    "(?:上|内)?(?:には?|에)[ ]?)?"
)
_SERVERS = "'s? (?:e-?mail |mail )?(?:server|host|system|provider|domain)"
OF_SERVER = re.compile(f"{_SERVERS_UNSPACED}|{_SERVERS}")
_ITSELF_UNSPACED = rf"(?!{_SERVERS_UNSPACED})[^.;!?。！？；]{{0,40}}?"
_ITSELF = rf"(?!{_SERVERS})[^.;!?]{{0,40}}?"
#: What is missing in "no such user", not what another refused for.
_OF_THAT = r"(?:(?!而|被|ため|ので|により|때문)[^。、.,;]){0,24}?"
#: Names of mailboxes that are words of a reply as well.
ORDINARY_WORD = re.compile(
    r"[a-z]{1,5}|\d+|postmaster|" + "|".join(one for table in _GRAMMAR.values() for one in table)
)
#: What words say by their grammar, asked where no phrase is known.
_OURS = (SENDER_ADDRESS, SENDER_DOMAIN)
#: Our own address or domain by name, and that it is missing: whatever follows is said of it.
_OURS_ABSENT: tuple[Pairs, ...] = (
    pairs(_OURS, (*_ABSENT, *_GRAMMAR["host_absent"])),
    pairs((*_GRAMMAR["denied"], *_GRAMMAR["host_denied"]), _OURS, between=_CLOSE),
)
OF_US: tuple[Pairs, ...] = (
    *_OURS_ABSENT,
    pairs(_OURS, (*_GRAMMAR["unwanted"], r"access denied")),
    pairs(_GRAMMAR["unwanted"], _OURS, between=_CLOSE),
    pairs((*_GRAMMAR["person"], *_ABSENT), _OURS, between=r"[ :'\"<(]{1,4}"),
    pairs(_GRAMMAR["sender"], (*_ABSENT, *_GRAMMAR["unwanted"], "no such")),
    pairs(_GRAMMAR["denied"], _GRAMMAR["sender"], between=_CLOSE),
    pairs(
        _GRAMMAR["sender_unspaced"],
        (*_GRAMMAR["absent_unspaced"], *_GRAMMAR["none_unspaced"]),
        between=_BESIDE,
        spaced=False,
    ),
    pairs(_GRAMMAR["absent_unspaced"], _GRAMMAR["sender_unspaced"], between="", spaced=False),
)
#: The address as the subject: of "the message to reader@example.com" the message is.
_THEY = r"(?<!\bto )(?<!\bfor )thisaddress"
PERSON: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["person"], _ABSENT, between=_ITSELF),
    pairs((*_GRAMMAR["person"], _THEY), _GRAMMAR["gone"], between="[ '\">)]{1,3}"),
    pairs(_GRAMMAR["denied"], _GRAMMAR["person"], between=_CLOSE),
    pairs((_THEY,), _ABSENT, between=_AT_ONCE),
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
NAMED_ABSENT: tuple[Pairs, ...] = (
    pairs(("thisaddress",), (*_ABSENT, "user unknown"), between=_AT_ONCE),
    pairs(_GRAMMAR["denied"], ("thisaddress",), between=_CLOSE),
)
OF_SENDER_OUTRIGHT: tuple[Pairs, ...] = (
    *_OURS_ABSENT,
    pairs(("sender",), (r"verif\w*", "rejected", "unknown"), between=r"[ :]{1,2}(?:address )?"),
)
#: Only the person as the subject: "mailbox exists", not "user does not exist".
PRESENT: tuple[Pairs, ...] = (
    pairs((*_GRAMMAR["person"], _THEY), _GRAMMAR["present"], between=r"[ '\">)]{1,3}"),
    pairs(
        _GRAMMAR["person_unspaced"],
        _GRAMMAR["present_unspaced"],
        between=r"[はがも]?",
        spaced=False,
    ),
)
ROOM: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["room"], _GRAMMAR["full"]),
    pairs(_GRAMMAR["full"], _GRAMMAR["room"], between=_CLOSE),
    pairs(_GRAMMAR["room_unspaced"], _GRAMMAR["full_unspaced"], between=_BESIDE, spaced=False),
)
UNWANTED: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["traffic"], _GRAMMAR["unwanted"]),
    pairs(("clientaddress",), _GRAMMAR["unwanted"], between=r"[])'\" ]{1,3}(?:is |was |has been )"),
)
#: A domain by its name, and that there is none.
NAMED_HOST_ABSENT = re.compile(
    r"(?<![\w@.-])(?<!\bat )(?<!\bin )(?<!\bon )((?:[a-z0-9-]{1,63}\.){1,9}[a-z][a-z0-9-]{1,62})"
    r"[>\"')]{0,2}(?::? (?:domain|host)(?: name)?)? "
    rf"(?:{'|'.join(_GRAMMAR['host_absent'])})\b"
    r"(?! (?:user|recipient|mailbox|address|account|local))"
)
#: A person's server, where its name stands before theirs.
_THEIR_SERVER = re.compile(
    r"\b(?:serveur|server|servidor|сервер|serwer) "
    r"(?:(?:du|de la|des|del|do|dello|della|van de|von) )?"
    r"(?:destinataire|empfängers|destinatario|destinatário|получателя|ontvanger|odbiorcy)\b"
)
THING = re.compile(
    "|".join((*(rf"\b(?:{one})\b" for one in _GRAMMAR["thing"]), *_GRAMMAR["thing_unspaced"]))
)
WHO = re.compile(
    "|".join((*(rf"\b(?:{one})\b" for one in _GRAMMAR["person"]), *_GRAMMAR["person_unspaced"]))
    + "|thisaddress"
)
#: What is looked up in DNS of who sends alone; missing, it is missing there.
PROVES_SENDER = re.compile(
    r"(?<![a-z])(?:spf|dkim|dmarc|ptr|rdns)(?![a-z]|[= ]pass)"
    r"|reverse (?:dns|lookup)|逆引き|反向解析"
)
FOR_NOW = re.compile("|".join(_GRAMMAR["host_for_now"]))
#: Said of a person who may be found later on.
PASSING = re.compile(
    without_marks(rf"(?<!\w)(?:{'|'.join(_GRAMMAR['passing'])})\b")
    + f"|{'|'.join(_GRAMMAR['passing_unspaced'])}"
)
GREYLISTED = re.compile("|".join(_GRAMMAR["greylisted"]))
DORMANT: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["person"], _GRAMMAR["dormant"]),
    pairs(_GRAMMAR["dormant_before"], _GRAMMAR["person"], between="[ -]"),
)
NO_HOST: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["host"], _GRAMMAR["host_absent"]),
    pairs(_GRAMMAR["host_denied"], _GRAMMAR["host"], between=_CLOSE),
    pairs(_GRAMMAR["host_abroad"], (*_GRAMMAR["absent_abroad"], "nxdomain")),
    pairs(
        _GRAMMAR["host_unspaced"],
        (*_GRAMMAR["absent_unspaced"], "nxdomain"),
        between=_ITSELF_UNSPACED,
        spaced=False,
    ),
)


_ADVICE = re.compile("|".join(_GRAMMAR["advice"]))
_ADVICE_UNSPACED = re.compile("|".join(_GRAMMAR["advice_unspaced"]))
#: A clause of scripts that part no words, with what ends it.
_CLAUSE_UNSPACED = re.compile("|".join(_GRAMMAR["ends_clause_unspaced"]))
_REPLY_CODE = re.compile(r"\b[45]\d\d\b|\b[45]\.\d{1,3}\.\d{1,3}\b")


def without_advice(text: str) -> str:
    """Leave out what words in lower case only suppose, or ask to look after: nobody found it so.

    A clause with a reply's code is a finding, whatever it supposes.
    """
    if _ADVICE.search(text):
        text = _ADVICE.sub(" ", text)
    if not _ADVICE_UNSPACED.search(text):
        return text
    ends = [0, *(match.end() for match in _CLAUSE_UNSPACED.finditer(text)), len(text)]
    clauses = [text[start:end] for start, end in itertools.pairwise(ends)]
    return "".join(
        one for one in clauses if not _ADVICE_UNSPACED.search(one) or _REPLY_CODE.search(one)
    )


def without_names(text: str) -> str:
    """Put a mark for each host: the full stops in it end no clause, its labels are no words."""
    text = IP_NAMED.sub("clientaddress", IP_ADDRESS.sub("clientaddress", text))
    text = _HOST_NAME.sub("#", text)
    text = _THEIR_SERVER.sub("#", text)
    text = _CONTRACTED.sub(" not", text.replace("can't", "can not").replace("cannot", "can not"))
    return _SAID_AGAIN.sub("@", text).replace("@", "thisaddress").replace("...", " ")


def occur_in(theme: tuple[Pairs, ...], text: str) -> bool:
    """Tell whether prepared words hold a pair of a theme."""
    return any(one.occurs_in(text) for one in theme)
