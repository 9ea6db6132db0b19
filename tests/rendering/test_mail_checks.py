"""Preflight of the mail: content that mail programs would clip, drop or not display."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import html as lxml_html

from newsletter.i18n.language import Language
from newsletter.issues.checks.findings import Severity
from newsletter.issues.sources.reading import read_issue
from newsletter.rendering.checks import check_mail, lacks, read_features
from newsletter.rendering.contrast import contrast_ratio, find_low_contrast
from newsletter.rendering.model import Publisher, RenderedIssue, Slot, SlotUse
from newsletter.rendering.preflight import run_preflight
from newsletter.samples import sample_issue
from newsletter.settings import Settings
from tests.support.growth import assert_linear

TEMPLATES = Settings(_env_file=None).templates_dir
PUBLISHER = Publisher(
    name="便り",
    sender_name="便り編集室",
    sender_address="digest@example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3",
)
LEAVE = SlotUse(Slot.UNSUBSCRIBE_URL, escape=True)
WORDS = "<p>図書館の新しい窓口をお知らせします。</p>" * 8


def _mail(body: str = WORDS, *, head: str = "", subject: str = "十月の便り") -> RenderedIssue:
    html = f"<html><head>{head}</head><body>{body}<p>{PUBLISHER.postal_address}</p><a href='"
    return RenderedIssue(
        subject=(subject,) if subject else (),
        html=(html, LEAVE, "'>停止</a></body></html>"),
        text=("本文\n", LEAVE),
        language=Language.JAPANESE,
    )


def _found(mail: RenderedIssue, publisher: Publisher = PUBLISHER) -> list[tuple[str, Severity]]:
    return [(finding.code, finding.severity) for finding in check_mail(mail, publisher)]


@pytest.mark.parametrize("template", ["digest", "letter"])
@pytest.mark.parametrize("language", Language)
def test_the_templates_we_ship_pass_without_findings(language: Language, template: str) -> None:
    issue = read_issue(sample_issue(language), source="sample").issue
    found = run_preflight(issue, template=template, templates_dir=TEMPLATES, publisher=PUBLISHER)

    assert found.findings == ()
    assert found.rendered is not None


@pytest.mark.parametrize(
    ("octets", "expected"),
    [(90_000, []), (96_000, [Severity.WARNING]), (102_001, [Severity.ERROR])],
)
def test_size_asks_from_95_kb_and_blocks_where_gmail_clips(
    octets: int, expected: list[Severity]
) -> None:
    mail = _mail("<p>" + "a" * octets + "</p>")

    assert [severity for code, severity in _found(mail) if code == "size"] == expected


@pytest.mark.parametrize(
    ("body", "code", "severity"),
    [
        ("<a href='#nowhere'>目次</a>", "anchor-dead", Severity.ERROR),
        ("<a href=''>続き</a>", "link-empty", Severity.ERROR),
        ("<a href='http://example.jp/'>続き</a>", "url-http", Severity.WARNING),
        ("<a href='https://exa mple/'>続き</a>", "url-malformed", Severity.ERROR),
        ("<a href='https://example.jp/'> </a>", "slot-empty", Severity.WARNING),
        ("<p></p>", "slot-empty", Severity.HINT),
        ("<img src='https://example.jp/a.png'>", "alt-missing", Severity.WARNING),
        ("<img src='https://example.jp/a.svg' alt='図'>", "client-lacks", Severity.WARNING),
        ("<p style='position:absolute'>文</p>", "client-lacks", Severity.WARNING),
        ("<p style='width:calc(1px + 1px)'>文</p>", "client-lacks", Severity.WARNING),
        ("<div style='display: flex'>文</div>", "client-lacks", Severity.WARNING),
        ("<form action='https://example.jp/'></form>", "client-lacks", Severity.ERROR),
        ("<p style='color:#999999'>文</p>", "contrast", Severity.WARNING),
    ],
)
def test_each_fault_of_the_html_is_found(body: str, code: str, severity: Severity) -> None:
    assert _found(_mail(WORDS + body)) == [(code, severity)]


def test_a_body_without_an_unsubscribe_link_is_an_error() -> None:
    mail = replace(_mail(), html=(WORDS + PUBLISHER.postal_address,), text=("本文",))

    assert _found(mail) == [("unsubscribe-missing", Severity.ERROR)] * 2


@pytest.mark.parametrize("address", ["", "どこにも書かれていない住所"])
def test_a_mail_without_postal_address_is_blocked(address: str) -> None:
    publisher = replace(PUBLISHER, postal_address=address)

    assert _found(_mail(), publisher) == [("postal-address-missing", Severity.ERROR)]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("あ" * 30, []),
        ("a" * 60, []),
        ("あ" * 31, [("subject-long", Severity.HINT)]),
        ("あ" * 51, [("subject-long", Severity.WARNING)]),
        ("", [("title-empty", Severity.ERROR)]),
    ],
)
def test_the_subject_is_measured_in_columns(
    subject: str, expected: list[tuple[str, Severity]]
) -> None:
    assert _found(_mail(subject=subject)) == expected


def test_contrast_is_judged_in_dark_as_well() -> None:
    tree = lxml_html.document_fromstring(
        "<head><style>@media (prefers-color-scheme: dark) {"
        " body { background-color: #111111 !important; }"
        " .light { color: #eeeeee !important; } }</style></head>"
        "<body style='background-color:#ffffff'><p class='light'>明</p><p>暗</p></body>"
    )

    assert [(low.dark, low.text) for low in find_low_contrast(tree)] == [(True, "暗")]


@pytest.mark.parametrize(
    "sheet", ["@media ", "/*", "@media prefers-color-scheme:dark{} ", "@media (x{"], ids=str
)
def test_a_sheet_is_judged_in_time_that_grows_as_it_does(sheet: str) -> None:
    def make(length: int) -> lxml_html.HtmlElement:
        return _with_sheet(sheet * (length // len(sheet)))

    assert_linear(lambda tree: list(find_low_contrast(tree)), make, size=32_000)


def test_a_dark_sheet_without_brackets_is_judged_in_time_that_grows_as_it_does() -> None:
    def make(length: int) -> lxml_html.HtmlElement:
        return _with_sheet(f"@media (prefers-color-scheme: dark) {{ a{{}} {'a' * length} }}")

    assert_linear(lambda tree: list(find_low_contrast(tree)), make, size=32_000)


def _with_sheet(sheet: str) -> lxml_html.HtmlElement:
    return lxml_html.fromstring(f"<html><head><style>{sheet}</style></head><body>a</body></html>")


def test_the_ratio_is_that_of_wcag() -> None:
    assert contrast_ratio((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast_ratio((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


def test_a_template_that_fails_is_a_finding_not_an_exception(tmp_path: Path) -> None:
    issue = read_issue(sample_issue(Language.JAPANESE), source="sample").issue
    shutil.copytree(TEMPLATES / "email", tmp_path / "email")
    (tmp_path / "email/digest/body.mjml.j2").write_text("<mjml><mj-body>", encoding="utf-8")
    found = run_preflight(issue, template="digest", templates_dir=tmp_path, publisher=PUBLISHER)

    assert found.blocked
    assert found.rendered is None


def test_links_within_the_mail_are_told_since_telephones_follow_none() -> None:
    body = f'<p id="a">一</p><p><a href="#a">上へ</a></p>{WORDS}'
    (finding,) = [each for each in check_mail(_mail(body), PUBLISHER) if each.about == "href=#…"]
    assert finding.severity is Severity.HINT
    assert "Gmail" in str(finding.message)
    assert "Samsung Email" in str(finding.message)


def test_each_feature_has_a_remedy_and_somebody_who_lacks_it() -> None:
    file = read_features()
    assert {feature.remedy for feature in file.features} == file.remedies.keys()
    names = [name for feature in file.features for name in feature.names]
    assert len(names) == len(set(names))
    kinds = {feature.kind for feature in file.features}
    assert {name for kind in kinds for name in lacks(kind)} == set(names)


def test_programs_of_japan_are_among_those_that_lack_what_their_engine_lacks() -> None:
    assert {"Becky!", "秀丸メール", "Gmail"} <= set(lacks("word")["var("].clients)


@pytest.mark.parametrize("template", ["digest", "letter"])
@pytest.mark.parametrize("language", Language)
def test_the_bundled_templates_use_nothing_that_is_lacking(
    language: Language, template: str
) -> None:
    issue = read_issue(sample_issue(language), source="sample").issue
    found = run_preflight(
        issue, template=template, templates_dir=TEMPLATES, publisher=PUBLISHER
    ).findings
    assert [str(each.message) for each in found if each.code == "client-lacks"] == []


@pytest.mark.parametrize(
    ("site", "address", "expected"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/images/a.png", Severity.HINT),
        ("http://localhost:8000", "http://localhost:8000/images/a.png", Severity.HINT),
        ("http://127.0.0.1:8000", "http://127.0.0.1:80001/images/a.png", Severity.ERROR),
        ("http://127.0.0.1:8000", "http://127.0.0.1:9000/images/a.png", Severity.ERROR),
        ("https://news.example.jp", "http://127.0.0.1:8000/images/a.png", Severity.ERROR),
        ("", "http://127.0.0.1:8000/images/a.png", Severity.ERROR),
    ],
)
def test_in_a_trial_an_address_of_the_products_own_is_no_error(
    site: str, address: str, expected: Severity
) -> None:
    source = f"---\ntitle: 十月の便り\ndate: 2026-10-01\n---\n# 章\n\n文。\n\n![図]({address})\n"
    found = run_preflight(
        read_issue(source.encode(), source="x").issue,
        template="digest",
        templates_dir=TEMPLATES,
        publisher=PUBLISHER,
        own_site=site,
    )
    # All URLs of the installation give one hint, which is about its site.
    about = site if expected is Severity.HINT else address
    assert {each.severity for each in found.findings if each.about == about} == {expected}
    assert found.blocked is (expected is Severity.ERROR)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("https://news.example.jp/images/a.png", []),
        ("https://city.example.jp/illumination.jpg", [Severity.HINT]),
        ("https://news.example.jp.example.com/images/a.png", [Severity.HINT]),
    ],
)
def test_a_picture_that_lies_on_another_site_is_told(source: str, told: list[Severity]) -> None:
    text = f"---\ntitle: 十月の便り\ndate: 2026-10-01\n---\n# 章\n\n文。\n\n![図]({source})\n"
    found = run_preflight(
        read_issue(text.encode(), source="x").issue,
        template="digest",
        templates_dir=TEMPLATES,
        publisher=PUBLISHER,
        own_site="https://news.example.jp/",
    )
    elsewhere = [each for each in found.findings if each.code == "picture-elsewhere"]
    assert [each.severity for each in elsewhere] == told
    assert {each.about for each in elsewhere} <= {source}


def test_a_character_in_the_subject_is_told_once_with_what_mends_it() -> None:
    issue = read_issue(sample_issue(Language.JAPANESE), source="sample").issue
    issue = replace(issue, title="ｾﾐﾅｰのお知らせ")
    found = run_preflight(issue, template="digest", templates_dir=TEMPLATES, publisher=PUBLISHER)
    [told] = [each for each in found.findings if each.code == "character-half-kana"]
    assert told.fix is not None
