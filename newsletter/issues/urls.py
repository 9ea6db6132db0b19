"""What is wrong with a URL that stands in a mail, told from its letters alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import idna

from newsletter.i18n.language import Said

#: What follows a URL in running Japanese text and is copied along with it.
_TRAILING = ",.>\u3001\u3002\uff0c\uff0e\u300d\u300f\uff09\u3011\u3009\u300b"
_LABEL_CHARACTERS = re.compile(r"[a-z0-9-]{1,63}")
_LOCAL_NAMES = ("localhost", ".local", ".internal", ".localdomain", ".test", ".invalid")


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlFault:
    """Why a URL leads nowhere; ``mended`` is empty when only a person knows what was meant."""

    message: Said
    mended: str = ""


def find_url_fault(url: str) -> UrlFault | None:  # noqa: PLR0911 - one a fault
    """Return what is wrong with an http(s) URL, or None; other schemes are not judged."""
    trimmed = url.strip().rstrip(_TRAILING)
    if trimmed != url:
        return UrlFault(
            message=Said(
                ja=f"URLの端に余分な文字があります：{url}",
                en=f"The URL carries characters that do not belong to it: {url}",
            ),
            mended=trimmed,
        )
    if re.search(r"[\s\u3000<>\"\\^`{|}]", url):
        return _malformed(url, "空白や使えない文字があります", "it holds a space or the like")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return _malformed(url, "ホスト名やポートが正しくありません", "its host or port is wrong")
    if parts.scheme not in {"http", "https"}:
        return None
    if parts.username is not None:
        return _malformed(url, "「@」より前に利用者名があります", "it carries a user name")
    if re.search(r"https?://", url[8:]) and "?" not in url and "web.archive.org" not in host:
        return _malformed(url, "二つのURLがつながっています", "two URLs run into each other")
    return _host_fault(url, host)


def _host_fault(url: str, host: str) -> UrlFault | None:
    try:
        address = ip_address(host)
    except ValueError:
        pass
    else:
        return None if address.is_global else _unreachable(url)
    if host.endswith(_LOCAL_NAMES):
        return _unreachable(url)
    try:
        ascii_host = idna.encode(host, uts46=True).decode("ascii") if host else ""
    except idna.IDNAError:
        ascii_host = host if host.isascii() else ""
    labels = ascii_host.lower().rstrip(".").split(".")
    well_formed = len(labels) > 1 and all(map(_is_label, labels)) and not labels[-1].isdigit()
    if not well_formed:
        return _malformed(url, "ホスト名が正しくありません", "its host is no domain name")
    return None


def _is_label(label: str) -> bool:
    found = _LABEL_CHARACTERS.fullmatch(label.replace("_", "-"))
    return bool(found) and not label.startswith("-") and not label.endswith("-")


def _malformed(url: str, ja: str, en: str) -> UrlFault:
    return UrlFault(
        message=Said(ja=f"URLが正しくありません（{ja}）：{url}", en=f"Malformed URL, {en}: {url}")
    )


def _unreachable(url: str) -> UrlFault:
    return UrlFault(
        message=Said(
            ja=f"読者の側からは開けない宛先です：{url}", en=f"Readers cannot reach this host: {url}"
        )
    )
