"""Forms of templates in circulation: each compiles, and loses none of its content."""

from __future__ import annotations

import re
import shutil
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from newsletter.i18n.language import Language
from newsletter.issues.sources.reading import read_issue
from newsletter.rendering.components import components
from newsletter.rendering.foreign_templates import import_template
from newsletter.rendering.mjml import check_source, compile_mjml
from newsletter.rendering.preflight import run_preflight
from newsletter.rendering.render import render_issue
from newsletter.rendering.slots import fill
from newsletter.samples import sample_issue
from tests.rendering.test_render import PUBLISHER, TEMPLATES
from tests.support.growth import assert_linear

FORMS = sorted((Path(__file__).parent / "templates").glob("*.mjml"))
_ATTRIBUTE = re.compile(r"\b(href|src|alt|thumbnails-src)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


class _Page(HTMLParser):
    """The text of a page and the values of its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.values: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        self.values |= {value for _name, value in attrs if value is not None}

    def handle_data(self, data: str) -> None:
        self.words += data


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_compiles_with_all_its_words_links_and_pictures(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    html = compile_mjml(source, template=path.name)
    page = _Page(html)
    body = re.sub(r"<!--.*?-->", "", source.partition("</mj-head>")[2] or source, flags=re.DOTALL)
    words = {_squeezed(unescape(word)) for word in re.split(r"<[A-Za-z/][^>]*>", body)}
    assert {word for word in words if word not in _squeezed(page.words)} == set()
    written = {
        (double or single).replace("&amp;", "&")
        for _name, double, single in _ATTRIBUTE.findall(body)
    }
    shown = "\n".join(page.values)
    assert {value for value in written if value not in shown} == set()
    assert "\\u{" not in html
    assert html.count("<!DOCTYPE html>") == 1


def test_pictures_are_as_wide_as_mjml_makes_them() -> None:
    path = next(path for path in FORMS if path.stem.startswith("29"))
    html = compile_mjml(path.read_text(encoding="utf-8"), template=path.name)
    found = dict(
        re.findall(r'<img[^>]* src="https://example.jp/(\d+).png"[^>]* width="([^"]*)"', html)
    )
    assert found == {"1": "297", "2": "193"} | {str(n): "85" for n in range(3, 10)} | {"10": "386"}
    assert not re.search(r"(?<![-\w])width(:|=\")\d+\.\d+(px|\")", html)


def test_what_mjml_skips_is_taken_and_told_by_line() -> None:
    path = next(path for path in FORMS if path.stem.startswith("26"))
    found = check_source(path.read_text(encoding="utf-8"), template="t")
    assert [(str(what), place.line) for what, place in found] == [
        ("<mj-divider> has no attribute “horizontal-spacing”.", 5),
        ("<mj-divider> has no attribute “vertical-spacing”.", 5),
        ("<mj-text> has the attribute “css-class” twice; the first is used.", 13),
        ("<mj-text> has the attribute “font-size” twice; the first is used.", 14),
    ]
    html = compile_mjml(path.read_text(encoding="utf-8"), template=path.name)
    assert "font-size:12px" in html
    assert "font-size:14px" not in html


def test_words_between_elements_are_left_out_of_a_taken_template_and_told() -> None:
    foreign = (
        "<mjml><mj-body><mj-section><mj-column><mj-text>甲</mj-text></mj-column>あ\n"
        "<mj-column><mj-text>乙</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    taken = import_template(foreign.encode(), source="theirs.mjml")
    assert "あ" not in taken.body
    line = taken.body[: taken.body.index("</mj-column>")].count("\n") + 1
    assert [(remark.line, "あ" in str(remark.message)) for remark in taken.remarks] == [
        (line, True)
    ]


@pytest.mark.parametrize("sign", ["{", "{% ", "{#", "<!--", " "])
def test_a_foreign_template_is_read_in_time_that_grows_as_it_does(sign: str) -> None:
    def make(length: int) -> bytes:
        return f"<mjml><mj-body>{{{{{sign * (length // len(sign))}</mj-body></mjml>".encode()

    assert_linear(lambda data: import_template(data, source="theirs.mjml"), make, size=32_000)


def test_a_template_of_ones_own_is_checked_in_time_that_grows_as_it_does() -> None:
    def make(length: int) -> str:
        return "<mj-text>" * (length // len("<mj-text>"))

    assert_linear(lambda source: check_source(source, template="own"), make, size=200_000)


def test_every_element_of_mjml_stands_in_a_form() -> None:
    written = {name for path in FORMS for name in re.findall(r"<(mj[\w-]*)", path.read_text())}
    assert components().keys() - written == set()


def test_attributes_without_effect_are_found_with_their_lines() -> None:
    path = next(path for path in FORMS if path.stem.startswith("05"))
    found = check_source(path.read_text(encoding="utf-8"), template="t")
    assert [(str(what), place.line) for what, place in found] == [
        ("<mj-body> ignores “font-size”.", 2),
        ("<mj-body> ignores “color”.", 2),
        ("<mj-body> ignores “font-family”.", 2),
        ("<mj-section> ignores “vertical-align”.", 3),
    ]


@pytest.mark.parametrize("head", ["", "<mj-head><mj-title>*|MC:SUBJECT|*</mj-title></mj-head>"])
def test_a_template_without_a_place_for_the_subject_gets_a_headline(
    tmp_path: Path, head: str
) -> None:
    foreign = f"<mjml>{head}<mj-body><mj-section><mj-column><mj-text>Hi &copy; A & B</mj-text>"
    foreign += "</mj-column></mj-section></mj-body></mjml>"
    taken = import_template(foreign.encode(), source="theirs.mjml")
    shutil.copytree(TEMPLATES / "email", tmp_path / "email")
    (tmp_path / "email/letter/body.mjml.j2").write_text(taken.body, encoding="utf-8")
    issue = read_issue(sample_issue(Language.ENGLISH), source="sample").issue
    rendered = render_issue(issue, template="letter", templates_dir=tmp_path, publisher=PUBLISHER)
    assert f"{issue.title}</h1>" in fill(rendered.html, {})


def test_preflight_names_an_attribute_that_a_template_gives_in_vain(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATES / "email", tmp_path / "email")
    body = tmp_path / "email/letter/body.mjml.j2"
    source = body.read_text(encoding="utf-8")
    section = '<mj-section\n  line-height="2"><mj-column></mj-column></mj-section>\n'
    changed = source.replace("{{ frame.footer", section + "{{ frame.footer", 1)
    body.write_text(changed, encoding="utf-8")
    found = run_preflight(
        read_issue(sample_issue(Language.ENGLISH), source="sample").issue,
        template="letter",
        templates_dir=tmp_path,
        publisher=PUBLISHER,
    )
    line = changed[: changed.index("line-height=")].count("\n") + 1
    (finding,) = [each for each in found.findings if each.code == "template-attribute"]
    assert f"letter/body.mjml.j2:{line}" in str(finding.message)
    assert not found.blocked
