"""What can be chosen from a list is read whole before the list is opened."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from newsletter.database.vocabulary import Role
from tests.web.conftest import SignIn

#: Lists of our own words; time zones are named as they are.
_CUT = """() => {
  const pen = document.createElement("canvas").getContext("2d");
  return [...document.querySelectorAll("select:not([name=time_zone])")].flatMap((list) => {
    const style = getComputedStyle(list), arrow = 20;
    const room = list.clientWidth - parseFloat(style.paddingLeft)
      - parseFloat(style.paddingRight) - arrow;
    pen.font = style.font;
    return room < 0 ? [] : [...list.options].map((option) => option.text.trim())
      .filter((words) => pen.measureText(words).width > room + 1)
      .map((words) => `${list.name}: ${words}`);
  });
}"""
_PATHS = (
    "/audit",
    "/bounces",
    "/newsletters/digest/settings",
    "/newsletters/digest/look",
    "/newsletters/digest/segments/new",
    "/newsletters/digest/subscribers",
)


@pytest.mark.usefixtures("stage")
def test_no_list_cuts_its_words(sign_in: SignIn, browser: Browser) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    site = str(client.base_url).rstrip("/")
    context = browser.new_context(locale="en")
    for name, value in client.cookies.items():
        context.add_cookies([{"name": name, "value": value, "url": site}])
    page = context.new_page()
    cut = []
    for path in _PATHS:
        for width in (375, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(site + path)
            cut += [f"{path} at {width}: {words}" for words in page.evaluate(_CUT)]
    context.close()

    assert not cut
