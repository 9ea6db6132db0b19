"""Decide who or what a clause denies, by the grammar that the texts of mail systems share.

The word lists are the tables of ``phrases/grammar.toml``. This module combines them into pairs
whose two sides must stand in one clause. Every text is first prepared by `without_names`.
"""

from __future__ import annotations

import itertools
import re
from functools import cache, lru_cache

from newsletter.bounces.addresses import SENDER_ADDRESS, SENDER_DOMAIN
from newsletter.bounces.phrase_tables import (
    Pairs,
    bare_expression,
    denials,
    grammar,
    pairs,
    without_marks,
)

_GRAMMAR = grammar()
_DENIALS = denials()
_ABSENT = (*_GRAMMAR["absent"], *_GRAMMAR["absent_abroad"])
_HOST_NAME = re.compile(r"(?<![\w-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,9}(?![\w-])")
IP_ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)")
#: The term "IP address" in several languages.
IP_NAMED = re.compile(
    r"(?<![a-z])(?:client )?ip(?:v[46])?[- ]?(?:addresse?s?|adress?e?\w{0,2}|адрес\w{0,2})"
    r"|(?<![a-z])ip ?(?:アドレス|地址|주소)"
    r"|\b(?:adresse|direcci[oó]n|indirizzo|endere[cç]o|adres[as]?|адрес\w{0,2}|địa chỉ|alamat) ip\b"
)
_CONTRACTED = re.compile(r"(?<=[a-z])n't\b")
#: The recipient's address behind their name, which may look like a host: "h.brandt (@)".
_REPEATED_ADDRESS = re.compile(r"[@#](?: ?[(<\[]{1,2}@[)>\]]{1,2}){1,3}")
#: The text allowed between a denial and the denied noun.
_CLOSE = (
    r"[ '\"<(:]{1,3}(?:"
    r"(?!(?:room|space|place|access|permission|reply|answer|connection|records?)\b)"
    r"(?!(?:platz|raum|speicher\w{0,6}|zugriff|zugang|verbindung|espace|espacio|espaço|spazio)\b)"
    r"(?!(?:accès|acceso|acesso|accesso|ruimte|plats|plass|plads|miejsca|místa|мест\w)\b)"
    r"\w{1,12} ){0,2}"
)
#: "Is", "was" and "has been" in several languages: words without meaning for the pair.
_IS = (
    "is |was |has |does |did |has been |ist |war |wurde |wird |est |a été |es |est[aá] |ha sido "
    "|fue |é |foi |è |è stat[oa] |risulta |jest |został[ao]? |är |er |je |byl[ao]? |bol[ao]? "
    "|este |e |on |on jo |werd |не |был[ао]? |είναι |hier |leider |bereits "
)
_AT_ONCE = rf"[^a-z;]{{0,12}}(?:{_IS}){{0,2}}"
_FEW_WORDS = r" (?:[\w'-]{1,14} ){0,2}"
_BESIDE = r"[^。、.,;]{0,16}?"
#: A statement about the recipient's server is not about the recipient.
_SERVERS_UNSPACED = "の?(?:メール)?(?:サーバ|ホスト)"
#: Phrases such as "on this server", which name the place where a person is missing. Other words in
#: this position can mean that a person lacks a permission.
_AT_THIS_HOST = (
    "(?:(?:(?:この|当|弊社の?|当社の?|本|이|저희|우리|당사)[ ]?)?"
    "(?:メール|ユーザー?)?(?:サーバー?|システム|ドメイン|名簿|台帳|ディレクトリー?|データベース"
    "|アドレス帳|登録簿|一覧|リスト|社内|組織|서버|시스템|도메인|주소록|명부)(?:上|内|の中)?"
    "(?:には?|にも|에는?)[ ]?|(?:当方|当社|弊社|こちら|ここ|여기)(?:には?|에는?)[ ]?)?"
)
_SERVERS = "'s? (?:e-?mail |mail )?(?:server|host|system|provider|domain)"
OF_SERVER = re.compile(f"{_SERVERS_UNSPACED}|{_SERVERS}")
#: A predicate belongs to the nearest noun: no noun of this table may stand in between.
_NOT_NEARER = rf"(?!\b(?:{'|'.join(_GRAMMAR['nearer'])})\b)"
_NOT_NEARER_UNSPACED = rf"(?!{'|'.join(_GRAMMAR['nearer_unspaced'])})"
_THEMSELVES = rf"(?!{_SERVERS_UNSPACED}|{'|'.join(_GRAMMAR['not_themselves_unspaced'])})"
_OF_HOST_UNSPACED = rf"(?!{_SERVERS_UNSPACED})[^.;!?。！？；]{{0,40}}?"
_ITSELF_UNSPACED = rf"{_THEMSELVES}(?:{_NOT_NEARER_UNSPACED}[^.;!?。！？；]){{0,40}}?"
#: "Mail from unknown people", "mensajes de desconocidos": the sentence is about people in general.
_NO_PEOPLE = "".join(rf"(?<!\b{one} )" for one in _GRAMMAR["from_whom"])
_ITSELF = rf"(?!{_SERVERS})(?:{_NOT_NEARER}[^.;!?]){{0,40}}?{_NO_PEOPLE}"
#: The noun in "no such user"; not the actor in a passive or the cause in "because of".
_OF_THAT = r"(?:(?!而|被|ため|ので|により|때문)[^。、.,;]){0,24}?"
#: Minimum length of a local part. Shorter ones are words of some language too often.
_SHORTEST_NAME = 4


@cache
def _ordinary_word() -> re.Pattern[str]:
    """Return a pattern of local parts that also occur as ordinary words in replies.

    It is compiled when it is first needed: compiling it takes as long as compiling all other rules
    for replies together, and every process that imports them would wait for it.
    """
    words = (one for table in _GRAMMAR.values() for one in table)
    return re.compile(rf"[a-z]{{1,5}}|\d+|postmaster|{'|'.join(words)}")


def name_alone(address: str) -> re.Pattern[str] | None:
    """Return a pattern that finds an address's local part on its own in lower-case text.

    Return None if the local part is too short, or a word that replies use ("info", "postmaster").
    """
    name = address.rpartition("@")[0].lower()
    if len(name) < _SHORTEST_NAME or _ordinary_word().fullmatch(name):
        return None
    return re.compile(rf"(?<![a-z0-9_.@-]){re.escape(name)}(?![a-z0-9_@-]|\.[a-z0-9])")


#: A preposition between a mailbox and the sender: "no account is kept for the sender", "la boîte
#: de l'expéditeur".
_WHOSE = (
    r" (?:[\w']{1,12} ){0,3}(?:for|of|de|del|della|des|du|di|do|da|van|von) "
    r"(?:the |this |el |la |le |il |lo |den |der |o |a )?(?:l')?"
)
#: The following pairs recognise statements by grammar, for texts without a known phrase.
_OURS = (SENDER_ADDRESS, SENDER_DOMAIN)
#: The sender's own address or domain is missing. All that follows in the text is about the sender.
_OURS_ABSENT: tuple[Pairs, ...] = (
    pairs(_OURS, (*_ABSENT, *_GRAMMAR["host_absent"])),
    pairs((*_GRAMMAR["denied"], *_GRAMMAR["host_denied"]), _OURS, between=_CLOSE),
)
ABOUT_SENDER: tuple[Pairs, ...] = (
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
    pairs(_GRAMMAR["person"], _GRAMMAR["sender"], between=_WHOSE),
)
#: The address as the subject. In "the message to reader@example.com", the message is the subject.
_ADDRESS_AS_SUBJECT = r"(?<!\bto )(?<!\bfor )thisaddress"
PERSON: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["person"], _ABSENT, between=_ITSELF),
    pairs((*_GRAMMAR["person"], _ADDRESS_AS_SUBJECT), _GRAMMAR["gone"], between="[ '\">)]{1,3}"),
    pairs(_GRAMMAR["denied"], _GRAMMAR["person"], between=_CLOSE),
    pairs((_ADDRESS_AS_SUBJECT,), _ABSENT, between=_AT_ONCE),
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
        between=(
            "(?:様|さま)?(?:の(?:名前?|氏名|情報|登録))?"
            f"[」』>\"' @]{{0,3}}[がはも이가은는]?[ ]?{_AT_THIS_HOST}"
        ),
        spaced=False,
    ),
    pairs(_GRAMMAR["absent_unspaced"], _GRAMMAR["person_unspaced"], between=_OF_THAT, spaced=False),
)
#: The recipient is named by their address and is missing.
NAMED_ABSENT: tuple[Pairs, ...] = (
    pairs(("thisaddress",), (*_ABSENT, "user unknown"), between=_AT_ONCE),
    pairs(_GRAMMAR["denied"], ("thisaddress",), between=_CLOSE),
)
#: "Permanently removed", "kalıcı olarak kapatılmıştır".
GONE_FOR_GOOD: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["for_good"], _ABSENT, between=_FEW_WORDS),
    pairs(_ABSENT, _GRAMMAR["for_good"], between=_FEW_WORDS),
    pairs(_GRAMMAR["for_good"], _GRAMMAR["ended"], between=" "),
    pairs(_GRAMMAR["ended"], _GRAMMAR["for_good"], between=" "),
    pairs(
        _GRAMMAR["for_good_unspaced"],
        _GRAMMAR["absent_unspaced"],
        between=_BESIDE,
        spaced=False,
    ),
)
#: A quick test: every text that matches the pairs above holds one of these words.
_FOR_GOOD = re.compile(
    "|".join(map(bare_expression, (*_GRAMMAR["for_good"], *_GRAMMAR["for_good_unspaced"])))
)
ABOUT_SENDER_OUTRIGHT: tuple[Pairs, ...] = (
    *_OURS_ABSENT,
    pairs(("sender",), (r"verif\w*", "rejected", "unknown"), between=r"[ :]{1,2}(?:address )?"),
)
#: Only with the person as the subject: "mailbox exists", not "user does not exist".
PRESENT: tuple[Pairs, ...] = (
    pairs(
        (*_GRAMMAR["person"], _ADDRESS_AS_SUBJECT), _GRAMMAR["present"], between=r"[ '\">)]{1,3}"
    ),
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
    pairs(_GRAMMAR["limit"], _GRAMMAR["reached"]),
    pairs(_GRAMMAR["reached"], _GRAMMAR["limit"], between=_FEW_WORDS),
    pairs(_GRAMMAR["limit_unspaced"], _GRAMMAR["reached_unspaced"], between=_BESIDE, spaced=False),
    pairs(_GRAMMAR["lacking"], _GRAMMAR["space"], between=_FEW_WORDS),
    pairs(_GRAMMAR["space_unspaced"], _GRAMMAR["lacking_unspaced"], between=_BESIDE, spaced=False),
    pairs(_GRAMMAR["lacking_unspaced"], _GRAMMAR["space_unspaced"], between=_BESIDE, spaced=False),
)
#: A lookup found nothing. In a reply to RCPT, the recipient was looked up.
LOOKED_UP: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["lookup"], _GRAMMAR["empty"]),
    pairs(_GRAMMAR["empty"], _GRAMMAR["lookup"]),
    pairs(_GRAMMAR["lookup_unspaced"], _GRAMMAR["empty_unspaced"], between=_BESIDE, spaced=False),
)
LOOKED_UP_ELSEWHERE = re.compile(rf"\b(?:{'|'.join(_GRAMMAR['lookup_elsewhere'])})\b")
#: A rate or a limit on unknown recipients: the reply blames the sender for them.
_PEOPLE = (
    r"(?:unknown|invalid|bad|wrong|non-?exist[ae]nt|undeliverable|dead)(?: \w{1,12})? "
    r"(?:users|recipients|addresses|mailboxes|accounts|rcpts)"
)
_COUNT = r"\b(?:too many|rate|limits?|number|ratio|percentage|amount|volume|exceed\w*|threshold)\b"
_CROWD = re.compile(rf"{_COUNT}[^.;]{{0,40}}?\b{_PEOPLE}\b|\b{_PEOPLE}\b[^.;]{{0,40}}?{_COUNT}")
#: Counting words of languages other than English. Digits are left out: they can be an account
#: number as well.
_MANY = re.compile(
    "|".join((*(rf"\b(?:{one})\b" for one in _GRAMMAR["many"]), *_GRAMMAR["many_unspaced"]))
)
SENTENCE_END = re.compile(r"[.;!?。！？；]")
#: Any word for the sender.
SENDER = re.compile(
    "|".join((*(rf"\b(?:{one})\b" for one in _GRAMMAR["sender"]), *_GRAMMAR["sender_unspaced"]))
)
UNWANTED: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["traffic"], _GRAMMAR["unwanted"]),
    pairs(("clientaddress",), _GRAMMAR["unwanted"], between=r"[])'\" ]{1,3}(?:is |was |has been )"),
)
#: A domain is named and does not exist.
NAMED_HOST_ABSENT = re.compile(
    r"(?<![\w@.-])(?<!\bat )(?<!\bin )(?<!\bon )((?:[a-z0-9-]{1,63}\.){1,9}[a-z][a-z0-9-]{1,62})"
    r"[>\"')]{0,2}(?::? (?:domain|host)(?: name)?)? "
    rf"(?:{'|'.join(_GRAMMAR['host_absent'])})\b"
    r"(?! (?:user|recipient|mailbox|address|account|local))"
)
#: The recipient's server, in languages where "server" stands before the recipient.
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
#: Records that are looked up in DNS for the sender only, so a missing record is the sender's.
PROVES_SENDER = re.compile(
    r"(?<![a-z])(?:spf|dkim|dmarc|ptr|rdns)(?![a-z]|[= ]pass)"
    r"|reverse (?:dns|lookup)|逆引き|反向解析"
)
FOR_NOW = re.compile("|".join(_GRAMMAR["host_for_now"]))
#: Words for a temporary state: the person may be found later.
PASSING = re.compile(
    without_marks(rf"(?<!\w)(?:{'|'.join(_GRAMMAR['passing'])})\b")
    + f"|{'|'.join(_GRAMMAR['passing_unspaced'])}"
)
GREYLISTED = re.compile("|".join(_GRAMMAR["greylisted"]))
DORMANT: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["person"], _GRAMMAR["dormant"]),
    pairs(_GRAMMAR["dormant_before"], _GRAMMAR["person"], between="[ -]"),
    pairs(_GRAMMAR["person"], [f"{one} \\w{{4,20}}" for one in _GRAMMAR["temporarily"]]),
    pairs(
        _GRAMMAR["person_unspaced"],
        [
            f"{one}(?:利用|使用|停止|無効|停用|禁用|冻结|凍結|정지|중지|중단)"
            for one in _GRAMMAR["temporarily_unspaced"]
        ],
        spaced=False,
    ),
)
NO_HOST: tuple[Pairs, ...] = (
    pairs(_GRAMMAR["host"], _GRAMMAR["host_absent"]),
    pairs(_GRAMMAR["host_denied"], _GRAMMAR["host"], between=_CLOSE),
    pairs(_GRAMMAR["host_abroad"], (*_GRAMMAR["absent_abroad"], "nxdomain")),
    pairs(
        _GRAMMAR["host_unspaced"],
        (*_GRAMMAR["absent_unspaced"], "nxdomain"),
        between=_OF_HOST_UNSPACED,
        spaced=False,
    ),
)


_ADVICE = re.compile("|".join(_GRAMMAR["advice"]))
_ADVICE_UNSPACED = re.compile("|".join(_GRAMMAR["advice_unspaced"]))
#: The end of a clause in scripts without spaces.
_CLAUSE_UNSPACED = re.compile("|".join(_GRAMMAR["ends_clause_unspaced"]))
_CLAUSES = re.compile(r"(?<=[.,;!?])\s+")
SUPPOSING = re.compile(rf"(?<!\w)(?:{'|'.join(_GRAMMAR['supposing'])})(?!\w)", re.IGNORECASE)
#: "Perhaps, …": the clause after the comma is a supposition as well.
_SUPPOSING_ALL = re.compile(rf"({SUPPOSING.pattern}),\s+", re.IGNORECASE)
_REPLY_CODE = re.compile(r"\b[45]\d\d\b|\b[45]\.\d{1,3}\.\d{1,3}\b")


#: A statement that mail did not arrive, in any known language.
_UNDELIVERED = re.compile(
    without_marks(rf"(?<!\w)(?:{'|'.join(_GRAMMAR['undelivered'])})(?!\w)")
    + f"|{'|'.join(_GRAMMAR['undelivered_unspaced'])}"
)


#: A phrase in the future tense, with the two words after it.
_FUTURE = re.compile(
    rf"(?<!\w)(?:{'|'.join(_GRAMMAR['future'])})(?!\w)(?: [\w'-]{{1,20}}){{0,2}}"
    f"|{'|'.join(_GRAMMAR['future_unspaced'])}"
)


def without_future(text: str) -> str:
    """Return lower-case text without phrases in the future: a user who "will be deleted" exists."""
    return _FUTURE.sub(" ", text)


def reports_nondelivery(text: str) -> bool:
    """Return whether lower-case text says that mail did not arrive."""
    return _UNDELIVERED.search(without_marks(without_future(text))) is not None


#: "Prezado remetente," on its own line: the addressee of a letter is not the subject of a clause.
_SALUTATION = re.compile(
    r"^[ \t]{0,4}[^\W\d_]{2,14}\.?(?: [^\W\d_]{1,14}\.?){0,3}[,!，！][ \t]*$", re.MULTILINE
)


def _of_words(name: str) -> re.Pattern[str]:
    """Return a pattern of a table of words and of its twin for scripts without spaces."""
    spaced = without_marks(rf"(?<!\w)(?:{'|'.join(_GRAMMAR[name])})(?!\w)")
    return re.compile(f"{spaced}|{'|'.join(_GRAMMAR[f'{name}_unspaced'])}")


_THINGS, _MAILS = _of_words("things"), _of_words("mails")


def names_thing(text: str) -> bool:
    """Return whether lower-case text names something that is delivered but is not mail."""
    return _THINGS.search(without_marks(text)) is not None


def names_mail(text: str) -> bool:
    """Return whether lower-case text without addresses is about mail or mailboxes."""
    return _MAILS.search(without_marks(text)) is not None


def without_advice(text: str) -> str:
    """Return lower-case text without suppositions and advice: they are not findings.

    A clause with a reply code is a finding, even if it is phrased as a supposition.
    """
    text = _SALUTATION.sub(" ", text)
    if _ADVICE.search(text):
        text = _ADVICE.sub(" ", text)
    if SUPPOSING.search(text):
        text = _SUPPOSING_ALL.sub(r"\1 ", text)
        text = " ".join(map(_unless_supposed, _CLAUSES.split(text)))
    if not _ADVICE_UNSPACED.search(text):
        return text
    ends = [0, *(match.end() for match in _CLAUSE_UNSPACED.finditer(text)), len(text)]
    clauses = [text[start:end] for start, end in itertools.pairwise(ends)]
    return "".join(
        one for one in clauses if not _ADVICE_UNSPACED.search(one) or _REPLY_CODE.search(one)
    )


def _unless_supposed(clause: str) -> str:
    """Return a clause, or an empty string if it is only a supposition."""
    return clause if _REPLY_CODE.search(clause) or not SUPPOSING.search(clause) else ""


@lru_cache(maxsize=32)  # most rules are applied to the same text
def without_names(text: str) -> str:
    """Replace each host by a mark: its full stops end no clause, and its labels are not words."""
    text = IP_NAMED.sub("clientaddress", IP_ADDRESS.sub("clientaddress", text))
    text = _HOST_NAME.sub("#", text)
    text = _THEIR_SERVER.sub("#", text)
    text = _CONTRACTED.sub(" not", text.replace("can't", "can not").replace("cannot", "can not"))
    return _REPEATED_ADDRESS.sub("@", text).replace("@", "thisaddress").replace("...", " ")


@lru_cache(maxsize=32)  # each theme is searched in the same text
def _with_denials(text: str) -> str:
    """Put "unknown" on both sides of each phrase, in any language, that denies a person."""
    text = without_marks(text)
    pattern = _DENIALS.pattern(text)
    return text if pattern is None else pattern.sub(r"unknown \g<0> unknown", text)


@lru_cache(maxsize=256)  # most rules search for the party that a reply names
def occur_in(theme: tuple[Pairs, ...], text: str) -> bool:
    """Return whether prepared text holds a pair of a theme."""
    text = _with_denials(text)
    return any(one.occurs_in(text) for one in theme)


def denies_for_good(text: str) -> bool:
    """Return whether one sentence of prepared text says that a mailbox was removed for good."""
    return _FOR_GOOD.search(without_marks(text)) is not None and any(
        WHO.search(sentence) is not None and occur_in(GONE_FOR_GOOD, sentence)
        for sentence in SENTENCE_END.split(text)
    )


def counts_people(text: str) -> bool:
    """Return whether a sentence of prepared text both counts people and denies that they exist."""
    if _CROWD.search(text):
        return True
    return _MANY.search(text) is not None and any(
        _MANY.search(one) and occur_in(PERSON, one) for one in SENTENCE_END.split(text)
    )
