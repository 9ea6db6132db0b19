"""A look: what it may hold, that everything in it can be read, what mail and pages make of it."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html
from PIL import Image
from sqlalchemy import Engine

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import open_engine, transaction
from newsletter.database.migrations import upgrade
from newsletter.errors import ContentError
from newsletter.i18n.language import Language
from newsletter.issues.library.search import search_library
from newsletter.issues.sources.reading import read_issue
from newsletter.newsletters.look.actions import (
    LARGEST_FILE,
    change_look,
    keep_look_file,
    keep_look_picture,
    read_look_file,
    write_look_file,
)
from newsletter.newsletters.look.contrast import find_unreadable, shown_pairs
from newsletter.newsletters.look.designs import DESIGNS, Design, with_design
from newsletter.newsletters.look.model import (
    Look,
    LookLink,
    LookPicture,
    look_from_json,
    look_to_json,
    read_look,
    theme_of,
    with_site,
)
from newsletter.newsletters.look.properties import look_properties, style_sheet
from newsletter.rendering.colours import ratio, readable
from newsletter.rendering.contrast import find_low_contrast
from newsletter.rendering.model import Publisher, RenderedIssue, Slot
from newsletter.rendering.palette import Palette
from newsletter.rendering.render import render_issue
from newsletter.rendering.slots import fill
from newsletter.rendering.theme import Font, HeadingStyle, ItemStyle, Masthead
from newsletter.samples import sample_issue
from newsletter.settings import Settings
from tests.support.examples import examples
from tests.support.stage import set_stage

TEMPLATES = Settings(_env_file=None).templates_dir
_PICTURE = LookPicture(
    url=f"https://news.example.jp/images/{'0' * 64}-600w.png", alt="例町のロゴ", width=160
)

_colours = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
_palettes = st.builds(
    Palette,
    accent=_colours,
    head=_colours,
    page=_colours,
    card=_colours,
    text=st.just("") | _colours,
    link=st.just("") | _colours,
)
_words = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Co", "Cn"]), max_size=40
)
_looks = st.builds(
    Look,
    palette=_palettes,
    font=st.sampled_from(Font),
    heading_font=st.sampled_from(Font),
    size=st.integers(15, 19),
    radius=st.integers(0, 24),
    width=st.integers(520, 720),
    masthead=st.sampled_from(Masthead),
    items=st.sampled_from(ItemStyle),
    headings=st.sampled_from(HeadingStyle),
    logo=st.none() | st.just(_PICTURE),
    header=st.none() | st.just(replace(_PICTURE, width=640)),
    tagline=_words,
    footer=_words,
    social=st.just(()) | st.just((LookLink(label="公式<X>", url="https://x.com/machi?a=1&b=2"),)),
)


def _render(look: Look, template: str = "digest") -> RenderedIssue:
    publisher = Publisher(
        name="まちの便り",
        sender_name="例町",
        sender_address="machi@example.jp",
        postal_address="東京都",
        theme=theme_of(look),
    )
    issue = read_issue(sample_issue(Language.JAPANESE), source="sample").issue
    return render_issue(issue, template=template, templates_dir=TEMPLATES, publisher=publisher)


def _html(look: Look, template: str = "digest") -> str:
    return fill(_render(look, template).html, dict.fromkeys(Slot, "https://news.example.jp/x"))


@given(_palettes)
def test_every_pair_of_colours_reads_in_light_and_in_dark(palette: Palette) -> None:
    assert not [pair for pair in shown_pairs(palette) if pair.ratio < pair.needed]


@given(_looks)
@settings(max_examples=examples(8))
def test_any_look_makes_a_mail_that_reads_in_light_and_in_dark(look: Look) -> None:
    look = look_from_json(json.loads(json.dumps(look_to_json(look))))
    html = _html(look, "letter")
    assert not list(find_low_contrast(lxml_html.document_fromstring(html)))
    assert look.tagline.strip() in lxml_html.document_fromstring(html).text_content()


@given(
    palette=_palettes,
    ink=_colours,
    masthead=st.sampled_from(Masthead),
    dark=st.booleans(),
)
def test_a_logo_is_seen_on_its_ground_in_both_appearances(
    palette: Palette, ink: str, masthead: Masthead, *, dark: bool
) -> None:
    theme = theme_of(Look(palette=palette, masthead=masthead, logo=replace(_PICTURE, ink=ink)))
    scheme = theme.dark if dark else theme.light
    behind = scheme.head if theme.is_banded else scheme.card
    plate = theme.logo_ground(dark=dark)
    assert ratio(ink, plate or behind) >= 3


@given(_colours, _colours)
def test_the_nearest_readable_colour_keeps_a_colour_that_is_readable(one: str, ground: str) -> None:
    found = readable(one, ground)
    assert ratio(found, ground) >= 4.5
    assert found == one or ratio(one, ground) < 4.5


@pytest.mark.parametrize(
    ("design", "template"),
    [
        *zip(DESIGNS, itertools.cycle(("digest", "letter")), strict=False),
        (DESIGNS[0], "letter"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_design_needs_no_mending_and_makes_either_structure(
    design: Design, template: str
) -> None:
    assert not find_unreadable(design.look.palette)
    mail = _render(design.look, template)
    html = fill(mail.html, {})
    assert f"max-width:{design.look.width - (40 if template == 'letter' else 0)}px" in html
    assert len(html.encode()) < 40_000


def test_designs_differ_in_what_readers_see_first() -> None:
    seen = {(d.look.palette.accent, d.look.palette.head, d.look.palette.page) for d in DESIGNS}
    assert len(seen) == len(DESIGNS) >= 8
    assert len({d.name for d in DESIGNS}) == len(DESIGNS)


def test_a_design_is_taken_without_losing_logo_and_texts() -> None:
    own = Look(logo=_PICTURE, tagline="毎週木曜", footer="転載自由", social=())
    taken = with_design(own, "museum")
    assert (taken.logo, taken.tagline, taken.footer) == (_PICTURE, "毎週木曜", "転載自由")
    assert (taken.design, taken.font) == ("museum", Font.MINCHO)


def test_pictures_are_asked_for_where_the_look_is_saved() -> None:
    moved = with_site(Look(logo=_PICTURE), "https://new.example.jp/")
    assert moved.logo is not None
    assert moved.logo.url == f"https://new.example.jp{_PICTURE.path}"
    assert look_from_json(look_to_json(moved)) == moved


def test_a_colour_too_light_is_told_with_its_contrast_and_the_nearest_that_passes() -> None:
    palette = Palette(text="#999999", link="#ffcc00", accent="#ffd400")
    found = {each.field: each for each in find_unreadable(palette)}
    assert {name: each.refused for name, each in found.items()} == {
        "text": True,
        "link": True,
        "accent": False,
    }
    assert round(found["text"].ratio, 1) == 2.8
    assert "2.8:1" in found["text"].message.in_language(Language.JAPANESE)
    assert all(ratio(each.nearest, "#ffffff") >= 4.5 for each in found.values())


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"palette": {"accent": "red;background:url(x)"}}, "accent"),
        ({"palette": {"page": "#12406"}}, "page"),
        ({"font": "Comic Sans"}, "font"),
        ({"size": 8}, "size"),
        ({"radius": -1}, "radius"),
        ({"width": 10_000}, "width"),
        ({"tagline": "a\nb"}, "tagline"),
        ({"footer": "x" * 1001}, "footer"),
        ({"logo": {"url": "https://tracker.example/pixel.png", "alt": "x"}}, "logo"),
        ({"logo": {"url": _PICTURE.url, "alt": ""}}, "logo"),
        ({"social": [{"label": "x", "url": "javascript:alert(1)"}]}, "social"),
        ({"social": [{"label": "x", "url": "https://x.example/"}] * 9}, "social"),
        ({"masthead": "marquee"}, "masthead"),
    ],
)
def test_a_value_out_of_bounds_is_told_by_its_field(value: dict[str, object], field: str) -> None:
    look, faults = read_look(value)
    assert look == Look()
    assert list(faults) == [field]
    with pytest.raises(ContentError) as caught:
        look_from_json(value)
    assert caught.value.place is not None
    assert caught.value.place.field == field


@given(_looks)
@settings(max_examples=examples(30))
def test_a_look_comes_back_from_what_is_kept(look: Look) -> None:
    assert look_from_json(look_to_json(look)) == look
    file = read_look_file(json.dumps(look_to_json(look)).encode(), source="look.json")
    assert (file.look, file.pictures) == (look, {})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b"{" * 100_000,
        b'{"pictures": 7}',
        b'{"pictures": {"logo": "?"}}',
        b'{"pictures": {"logo": null}}',
        b'{"pictures": {"else": "AAAA"}}',
        b" " * (LARGEST_FILE + 1),
    ],
    ids=lambda data: data[:30].decode(errors="replace"),
)
def test_a_file_that_is_no_look_is_refused(data: bytes) -> None:
    with pytest.raises(ContentError):
        read_look_file(data, source="look.json")


def test_a_look_goes_to_another_installation_with_its_pictures(
    engine: Engine, tmp_path: Path
) -> None:
    there = open_engine(f"sqlite:///{tmp_path / 'there.sqlite3'}")
    upgrade(there)
    home, away = set_stage(engine), set_stage(there)
    shown = BytesIO()
    Image.new("RGBA", (320, 80), (10, 90, 60, 255)).save(shown, "PNG")
    with transaction(engine) as session:
        logo = keep_look_picture(
            session,
            home.newsletter_id,
            shown.getvalue(),
            source="logo.png",
            alt="例町のロゴ",
            site="https://here.example",
        )
        data = write_look_file(session, Look(logo=logo, tagline="毎週"))
    with transaction(there) as session:
        file = read_look_file(data, source="look.json")
        look = keep_look_file(
            session, away.newsletter_id, file, source="look.json", site="https://there.example/"
        )
        change_look(session, COMMAND_LINE, away.newsletter_id, look, site="https://there.example")
        assert look.logo is not None
        assert look.logo.url.startswith("https://there.example/images/")
        assert (look.logo.alt, look.logo.width, look.tagline) == ("例町のロゴ", 160, "毎週")
        (item,) = search_library(session, away.newsletter_id).items
        assert (item.width, [use.used_by.value for use in item.uses]) == (320, ["look"])
        broken = replace(file, pictures={"logo": b"no picture"})
        with pytest.raises(ContentError):
            keep_look_file(session, away.newsletter_id, broken, source="look.json", site="")
    there.dispose()


def test_words_of_a_look_are_text_in_both_bodies() -> None:
    look = Look(
        logo=_PICTURE,
        tagline="<b>毎週</b>",
        footer="転載は https://example.jp/reuse をご覧ください。\n{{ 7 * 7 }}",
        social=(LookLink(label="X & Y", url="https://x.com/machi"),),
    )
    mail = _render(look)
    html, text = fill(mail.html, {}), fill(mail.text, {})
    assert "&lt;b&gt;毎週&lt;/b&gt;" in html
    assert 'href="https://example.jp/reuse"' in html
    assert "{{ 7 * 7 }}" in html
    assert 'alt="例町のロゴ"' in html
    assert "X &amp; Y" in html
    assert "<b>毎週</b>" in text
    assert "{{ 7 * 7 }}" in text
    assert "X & Y：https://x.com/machi" in text


def test_properties_name_every_colour_in_both_appearances() -> None:
    found = look_properties(Look())
    assert found["--mail-accent"] == "light-dark(#12406b, #80afe1)"
    assert found["--mail-width"] == "640px"
    assert {"--mail-page", "--mail-card", "--mail-text", "--mail-font", "--mail-radius"} <= {*found}


@given(_looks)
@settings(max_examples=examples(20))
def test_a_style_sheet_sets_properties_and_nothing_else(look: Look) -> None:
    text = style_sheet(look, Language.JAPANESE).text
    allowed = r"[#\w\s,()'.-]+"
    for line in text.splitlines():
        assert re.fullmatch(rf"\s*(--mail-[a-z-]+: {allowed};|[:@].*\{{|\}})", line), line
