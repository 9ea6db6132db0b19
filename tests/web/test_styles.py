"""Style sheets hold what pages show: no rule for what is on none, no colour of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).parent.parent.parent
_STATIC = _CHECKOUT / "newsletter" / "web" / "static"
_SHEETS = sorted(_STATIC.glob("*.css"))
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_BUTTON = re.compile(r"<button\b[^<>]*?class=\"([^\"{}]*)\"|class=\"(button\b[^\"{}]*)\"")
_DECLARATIONS = re.compile(r"\{[^{}]*\}")
_NAME = re.compile(r"[.#](-?[a-z][\w-]*)", re.IGNORECASE)
_WORD = re.compile(r"[\w-]+")
#: Classes that a page makes of a value: what stands before it in the template.
_MADE = ("difference-", "level-")
#: Set by the editor's libraries.
_LIBRARIES = re.compile(r"ProseMirror|selectedCell")
#: The palette; and the margins of paper, which know no variables.
_HAVE_COLOURS = {"tokens.css", "print.css"}
_COLOUR = re.compile(
    r":[^;{}]*(#(?!000\b)[0-9a-f]{3,8}\b|\b(?:rgb|hsl)a?\()[^;{}]*;", re.IGNORECASE
)


@pytest.fixture(scope="module")
def words() -> set[str]:
    """Every word of the templates and scripts."""
    pages = [
        *(_CHECKOUT / "templates").rglob("*.*"),
        *_STATIC.glob("*.js"),
        *(_CHECKOUT / "frontend" / "src").glob("*.*"),
        *(_CHECKOUT / "newsletter").rglob("*.py"),
    ]
    return {word for page in pages for word in _WORD.findall(page.read_text("utf-8"))}


@pytest.mark.parametrize("sheet", _SHEETS, ids=lambda sheet: sheet.name)
def test_what_a_sheet_names_is_on_a_page(sheet: Path, words: set[str]) -> None:
    selectors = _DECLARATIONS.sub("{}", _COMMENT.sub("", sheet.read_text("utf-8")))
    named = set(_NAME.findall(selectors))
    assert {
        name for name in named - words if not name.startswith(_MADE) and not _LIBRARIES.match(name)
    } == set()


@pytest.mark.parametrize("sheet", _SHEETS, ids=lambda sheet: sheet.name)
def test_a_colour_is_one_of_the_palette(sheet: Path) -> None:
    if sheet.name not in _HAVE_COLOURS:
        text = _COMMENT.sub("", sheet.read_text("utf-8"))
        assert [found[0] for found in _COLOUR.finditer(text)] == []


@pytest.mark.parametrize("audience", ["reader", "signed in"])
def test_a_button_looks_as_its_class_says(audience: str) -> None:
    reads = audience == "reader"
    sheets = [each for each in _SHEETS if (each.name == "reader.css") is reads]
    known = {name for each in sheets for name in _NAME.findall(each.read_text("utf-8"))}
    for script in (*_STATIC.glob("*.js"), *(_CHECKOUT / "frontend" / "src").glob("*.*")):
        known |= set(_WORD.findall(script.read_text("utf-8")))
    unknown = set()
    for page in (_CHECKOUT / "templates" / "web").rglob("*.html"):
        if ("reader" in page.parts) is reads:
            for named in _BUTTON.findall(page.read_text("utf-8")):
                unknown |= {(page.name, name) for name in {*" ".join(named).split()} - known}
    assert unknown == set()


@pytest.mark.parametrize("sheet", ["app.css", "reader.css"])
def test_what_has_the_focus_keeps_its_corners(sheet: str) -> None:
    text = _COMMENT.sub("", (_STATIC / sheet).read_text("utf-8"))
    rules = re.findall(r"^:focus-visible \{([^}]*)\}", text, re.MULTILINE)
    assert rules
    assert not any("radius" in rule for rule in rules)
