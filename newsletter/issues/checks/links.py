"""Checks of links without opening them: invalid URLs, and repeated URLs."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from ipaddress import ip_address

import idna

from newsletter.i18n.messages import Message, msg
from newsletter.i18n.normal_form import split_url
from newsletter.issues.checks.findings import Finding, IssueField, IssuePlace, Severity
from newsletter.issues.model import Issue, Link
from newsletter.issues.outline import to_outline, with_outline
from newsletter.issues.rewriting import rewrite_issue
from newsletter.issues.walking import walk_parts, walk_pictures, walk_urls

#: Punctuation that is often copied with a URL from running text.
_TRAILING = ",.>\u3001\u3002\uff0c\uff0e\u300d\u300f\uff09\u3011\u3009\u300b"
#: Characters of the longest host name (RFC 1035).
_LONGEST_HOST = 253
_LABEL_CHARACTERS = re.compile(r"[a-z0-9-]{1,63}")
#: Schemes of URLs that are not web pages.
_NOT_JUDGED = frozenset({"mailto", "tel"})
_LOCAL_NAMES = ("localhost", ".local", ".internal", ".localdomain", ".test", ".invalid")
#: Parameters by which advertisers, social networks and newsletters identify the person who follows
#: a link. A URL copied from a browser contains the editor's own; ``utm_…`` only names a campaign.
_MARKS_OF_PEOPLE = frozenset(
    {
        *("dclid", "fbclid", "gbraid", "gclid", "gclsrc", "igsh", "igshid", "li_fat_id", "msclkid"),
        *("ttclid", "twclid", "wbraid", "yclid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi", "vero_id"),
        *("ml_subscriber", "oly_anon_id", "oly_enc_id", "rb_clickid"),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlFault:
    """The fault of a URL; ``mended`` is empty if there is no obvious correction."""

    message: Message
    mended: str = ""


def find_url_fault(url: str) -> UrlFault | None:  # noqa: PLR0911 - one a fault
    """Return the fault of an http(s) URL, or None; mail and telephone links are not checked."""
    trimmed = url.strip().rstrip(_TRAILING)
    if trimmed != url:
        return UrlFault(
            message=msg("The URL carries characters that do not belong to it: {url}", url=url),
            mended=trimmed,
        )
    if re.search(r"[\s\u3000<>\"\\^`{|}]", url):
        return _malformed(url, msg("it contains a space or similar"))
    try:
        parts = split_url(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return _malformed(url, msg("its host or port is wrong"))
    if parts.scheme in _NOT_JUDGED:
        return None
    if parts.scheme not in {"http", "https"}:
        return _malformed(url, msg("it begins with neither https, http, mailto nor tel"))
    if parts.username is not None:
        return _malformed(url, msg("it contains a user name"))
    if re.search(r"https?://", url[8:]) and "?" not in url and "web.archive.org" not in host:
        return _malformed(url, msg("two URLs are joined together"))
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
    if len(host) > _LONGEST_HOST or not _is_domain(host):
        return _malformed(url, msg("its host is no domain name"))
    return None


@lru_cache(maxsize=2048)
def _is_domain(host: str) -> bool:
    """Return whether a host may be a domain name; cached, since issues link to few hosts."""
    try:
        ascii_host = idna.encode(host, uts46=True).decode("ascii") if host else ""
    except idna.IDNAError:
        ascii_host = host if host.isascii() else ""
    labels = ascii_host.lower().rstrip(".").split(".")
    return len(labels) > 1 and all(map(_is_label, labels)) and not labels[-1].isdigit()


def _is_label(label: str) -> bool:
    match = _LABEL_CHARACTERS.fullmatch(label.replace("_", "-"))
    return bool(match) and not label.startswith("-") and not label.endswith("-")


def _malformed(url: str, why: Message) -> UrlFault:
    return UrlFault(message=msg("Malformed URL, {why}: {url}", why=why, url=url))


def _unreachable(url: str) -> UrlFault:
    return UrlFault(message=msg("Readers cannot open this host: {url}", url=url))


def check_links(issue: Issue) -> Iterator[Finding]:
    """Yield findings about the links of an issue and the URLs of its pictures."""
    yield from _check_urls(issue)
    yield from _check_duplicate_urls(issue)
    yield from _check_repeated_links(issue)


def _check_urls(issue: Issue) -> Iterator[Finding]:
    for place, url in walk_urls(issue):
        if fault := find_url_fault(url):
            fix = partial(_replace_url, before=url, after=fault.mended) if fault.mended else None
            yield Finding(
                code="url-malformed",
                severity=Severity.ERROR,
                place=place,
                about=url,
                message=fault.message,
                remedy=msg("Correct the URL."),
                fix=fix,
            )
        elif "%7C" in url.partition("?")[0]:
            yield Finding(
                code="url-bar",
                severity=Severity.WARNING,
                place=place,
                about=url,
                message=msg("The link has a vertical bar in it: {url}", url=url),
                remedy=msg(
                    "If its words stand behind the bar, as Slack writes links, write it as "
                    "[words](address)."
                ),
            )
        elif url.startswith("http://"):
            yield Finding(
                code="url-http",
                severity=Severity.WARNING,
                place=place,
                about=url,
                message=msg("The link is http, not encrypted: {url}", url=url),
                remedy=msg("Check whether it opens with https, and change it."),
                fix=partial(_replace_url, before=url, after="https" + url[4:]),
                act=msg("Change to https"),
            )
        elif (bare := _without_marks(url)) != url:
            yield Finding(
                code="url-marked",
                severity=Severity.WARNING,
                place=place,
                about=url,
                message=msg("The link carries a mark of whoever copied it: {url}", url=url),
                remedy=msg("Take the mark out, and check that the page still opens."),
                fix=partial(_replace_url, before=url, after=bare),
                act=msg("Take it out"),
            )


def _without_marks(url: str) -> str:
    """Return a URL without parameters that identify people."""
    before, asks, rest = url.partition("?")
    query, at, fragment = rest.partition("#")
    pairs = query.split("&")
    kept = [pair for pair in pairs if pair.partition("=")[0].lower() not in _MARKS_OF_PEOPLE]
    if len(kept) == len(pairs):
        return url
    return f"{before}{asks if kept else ''}{'&'.join(kept)}{at}{fragment}"


def _replace_url(issue: Issue, *, before: str, after: str) -> Issue:
    return rewrite_issue(issue, url=lambda url: after if url == before else url)


def _check_duplicate_urls(issue: Issue) -> Iterator[Finding]:
    places: defaultdict[str, list[IssuePlace]] = defaultdict(list)
    pictures = {picture.source for _place, picture in walk_pictures(issue)}
    for place, url in walk_urls(issue):
        if url not in pictures and place.chapter is not None:
            places[url].append(replace(place, field=IssueField.LINKS))
    for url, found in places.items():
        if len(set(found)) < len(found) or len(found) == 1:
            continue
        last = found[-1].described()
        yield Finding(
            code="url-duplicate",
            severity=Severity.WARNING,
            place=found[0],
            about=url,
            message=msg(
                "The same URL appears in {count} places (last in {last}): {url}",
                count=len(found),
                last=last,
                url=url,
            ),
            remedy=msg("Check whether one of them should be different, or keep only the first."),
            fix=partial(_keep_first_link, url=url),
            act=msg("Keep only the first"),
        )


def _keep_first_link(issue: Issue, *, url: str) -> Issue:
    """Return the issue without repeated links to a URL, except within running text."""
    kept = False
    parts = []
    for part in to_outline(issue):
        links = []
        for link in part.links:
            if link.url != url or not kept:
                links.append(link)
            kept = kept or link.url == url
        parts.append(replace(part, links=tuple(links)))
    return with_outline(issue, tuple(parts))


def _check_repeated_links(issue: Issue) -> Iterator[Finding]:
    """Yield findings about a URL that is listed twice in the links of a part by mistake."""
    for part in walk_parts(issue):
        urls = Counter(link.url for link in part.links)
        for url in (url for url, times in urls.items() if times > 1):
            yield Finding(
                code="link-repeated",
                severity=Severity.WARNING,
                place=part.at(IssueField.LINKS),
                about=url,
                message=msg("The same link appears twice: {url}", url=url),
                remedy=msg("Keep one of them."),
                fix=partial(_without_repeated, url=url),
                act=msg("Keep one"),
            )


def _without_repeated(issue: Issue, *, url: str) -> Issue:
    return with_outline(
        issue,
        tuple(replace(part, links=tuple(_once(part.links, url))) for part in to_outline(issue)),
    )


def _once(links: tuple[Link, ...], url: str) -> Iterator[Link]:
    found = False
    for link in links:
        if link.url != url or not found:
            yield link
        found = found or link.url == url
