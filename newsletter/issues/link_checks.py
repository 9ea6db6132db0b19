"""Preflight of links: addresses that lead nowhere, are not encrypted, or stand twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from newsletter.i18n.language import Said
from newsletter.issues.findings import Finding, IssueField, IssuePlace, Severity
from newsletter.issues.model import Issue, Link
from newsletter.issues.outline import to_outline, with_outline
from newsletter.issues.urls import find_url_fault
from newsletter.issues.walking import rewrite_issue, walk_parts, walk_pictures, walk_urls


def check_links(issue: Issue) -> Iterator[Finding]:
    """Yield what is wrong with the links of an issue, and with the addresses of its pictures."""
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
                remedy=Said(ja="URLを直してください。", en="Correct the URL."),
                fix=fix,
            )
        elif url.startswith("http://"):
            yield Finding(
                code="url-http",
                severity=Severity.WARNING,
                place=place,
                about=url,
                message=Said(
                    ja=f"暗号化されないhttpのリンクです：{url}",
                    en=f"The link is http, not encrypted: {url}",
                ),
                remedy=Said(
                    ja="httpsで開けるか確かめて、書き換えてください。",
                    en="See whether https opens it, and change it.",
                ),
                fix=partial(_replace_url, before=url, after="https" + url[4:]),
                act=Said(ja="httpsにする", en="Make it https"),
            )


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
            message=Said(
                ja=f"同じURLが{len(found)}か所にあります（最後は{last.ja}）：{url}",
                en=f"The same URL stands in {len(found)} places (last in {last.en}): {url}",
            ),
            remedy=Said(
                ja="貼り間違いでないか確かめて、不要なら初めのものだけ残してください。",
                en="See whether one of them was meant to be another, or keep the first alone.",
            ),
            fix=partial(_keep_first_link, url=url),
            act=Said(ja="初めのものだけ残す", en="Keep the first alone"),
        )


def _keep_first_link(issue: Issue, *, url: str) -> Issue:
    """Take later links to a URL out; within running text they stay, as words hang on them."""
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
    """Find a URL that stands twice among the links of one part, which is never meant."""
    for part in walk_parts(issue):
        urls = Counter(link.url for link in part.links)
        for url in (url for url, times in urls.items() if times > 1):
            yield Finding(
                code="link-repeated",
                severity=Severity.WARNING,
                place=part.at(IssueField.LINKS),
                about=url,
                message=Said(
                    ja=f"同じリンクが並んでいます：{url}", en=f"The same link stands twice: {url}"
                ),
                remedy=Said(ja="一つだけ残してください。", en="Keep one of them."),
                fix=partial(_without_repeated, url=url),
                act=Said(ja="一つだけ残す", en="Keep one"),
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
