"""Where people type a mail address: a browser's own idea of one refuses letters beyond ASCII."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

PAGES = Path(__file__).resolve().parents[2] / "templates" / "web"


def test_no_field_leaves_it_to_the_browser_what_an_address_is() -> None:
    environment = Environment(loader=FileSystemLoader(PAGES), autoescape=True)
    module = environment.get_template("_layout/components.html").module
    field = str(module.field("address", "Address", type="email"))  # type: ignore[attr-defined]

    assert 'type="text"' in field
    assert 'inputmode="email"' in field
    inputs = {path: re.findall(r"<input[^>]*", path.read_text()) for path in PAGES.rglob("*.html")}
    typed = [
        path.name for path, tags in inputs.items() if any("email" in kind for kind in _types(tags))
    ]
    assert typed == []


def _types(tags: list[str]) -> list[str]:
    return [kind for tag in tags for kind in re.findall(r'\btype="(.*?)"(?=\s|$)', tag)]
