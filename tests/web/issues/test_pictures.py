"""Pictures in the mail: another one takes a picture's place, and what belongs to it stays."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.web.issues.desk import PLAIN, Desk
from tests.web.issues.test_together import stored

PICTURE = (
    "[![古い地図](https://pictures.invalid/old.png)](https://example.jp/map)\n: 去年の**地図**\n"
)


def test_another_picture_takes_the_place_of_one_whose_caption_and_link_stay(
    desk: Desk, page: Page, tmp_path: Path
) -> None:
    Image.new("RGB", (40, 20), "navy").save(tmp_path / "new.png")
    desk.start(page, PLAIN + PICTURE, view="mail")
    page.locator(".mail .picture-frame").hover()
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Replace the picture").click()
    chosen.value.set_files(tmp_path / "new.png")
    asked = page.get_by_role("dialog", name="Picture")
    expect(asked.get_by_label("Leads to (address)")).to_have_value("https://example.jp/map")
    asked.get_by_label("Alternative text").fill("今年の地図")
    asked.get_by_role("button", name="Insert").click()

    expect(page.locator(".mail img.picture")).to_have_js_property("naturalWidth", 40)
    expect(page.locator(".mail figcaption strong")).to_have_text("地図")
    expect(page.locator("#state")).to_have_text("Saved")
    text = stored(desk, page)
    assert "![今年の地図](" in text
    assert "](https://example.jp/map)\n: 去年の**地図**" in text
    assert "old.png" not in text

    # It is taken back as one step; now it is chosen from the library, too.
    page.locator(".mail .body").first.click()
    page.keyboard.press("Control+z")
    expect(page.locator(".mail img.picture")).to_have_attribute("alt", "古い地図")
    page.locator(".mail .picture-frame").hover()
    page.get_by_role("button", name="Replace the picture").click()
    page.get_by_role("dialog", name="Choose a picture").get_by_role("button", name="new").click()
    asked.get_by_role("button", name="Insert").click()
    expect(page.locator(".mail img.picture")).to_have_js_property("naturalWidth", 40)
    expect(page.locator(".mail figcaption strong")).to_have_text("地図")


def test_a_picture_that_is_refused_is_asked_about_again_with_what_was_typed(
    desk: Desk, page: Page, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Image.new("RGB", (40, 20), "navy").save(tmp_path / "whole.png")
    desk.start(page, PLAIN, view="mail")
    page.locator(".mail .body").first.click()
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Picture").first.click()
    chosen.value.set_files([tmp_path / "broken.png", tmp_path / "whole.png"])
    asked = page.get_by_role("dialog", name="Picture 1/2")
    asked.get_by_label("Alternative text").fill("雪の朝の広場")
    asked.get_by_role("button", name="Insert").click()

    expect(asked.get_by_role("alert")).to_contain_text("cannot be read as a picture")
    expect(asked.get_by_label("Alternative text")).to_have_value("雪の朝の広場")
    asked.get_by_role("button", name="Cancel").click()
    second = page.get_by_role("dialog", name="Picture 2/2")
    second.get_by_label("Alternative text").fill("海")
    second.get_by_role("button", name="Insert").click()
    expect(page.locator(".mail img.picture")).to_have_count(1)
    expect(page.locator(".mail img.picture")).to_have_attribute("alt", "海")


def test_a_picture_that_is_clicked_is_chosen_and_delete_takes_it_and_nothing_else(
    desk: Desk, page: Page
) -> None:
    desk.start(page, PLAIN + PICTURE + "\n次の段落です。\n", view="mail")
    page.locator(".mail .body", has_text="次の段落です。").click()
    page.locator(".mail .picture-frame").click()

    expect(page.locator(".mail .picture-block")).to_have_class(re.compile("selectednode"))
    page.keyboard.press("Delete")

    expect(page.locator(".mail img.picture")).to_have_count(0)
    expect(page.locator("#state")).to_have_text("Saved")
    assert "次の段落です。" in stored(desk, page)


def test_the_bin_takes_the_picture_that_was_clicked(desk: Desk, page: Page) -> None:
    desk.start(page, PLAIN + PICTURE + "\n次の段落です。\n", view="mail")
    page.locator(".mail .body", has_text="次の段落です。").click()
    page.locator(".mail .picture-frame").click()
    page.locator(".toolbar").get_by_role("button", name="Delete", exact=True).click()

    expect(page.locator(".mail img.picture")).to_have_count(0)
    expect(page.locator(".mail .body", has_text="次の段落です。")).to_be_visible()


def test_a_new_picture_is_asked_for_its_caption_and_one_that_stays_is_not(
    desk: Desk, page: Page, tmp_path: Path
) -> None:
    Image.new("RGB", (40, 20), "navy").save(tmp_path / "new.png")
    desk.start(page, PLAIN, view="mail")
    page.locator(".mail .body").first.click()
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Picture").first.click()
    chosen.value.set_files(tmp_path / "new.png")
    asked = page.get_by_role("dialog", name="Picture")
    asked.get_by_label("Alternative text").fill("海")
    asked.get_by_label("Caption").fill("夏の海岸")
    asked.get_by_role("button", name="Insert").click()
    expect(page.locator(".mail figcaption")).to_have_text("夏の海岸")
    expect(page.locator("#state")).to_have_text("Saved")
    assert ": 夏の海岸" in stored(desk, page)

    page.locator(".mail .picture-frame").hover()
    page.get_by_role("button", name="Replace the picture").click()
    page.get_by_role("dialog", name="Choose a picture").get_by_role("button", name="new").click()
    expect(asked.get_by_label("Alternative text")).to_have_value("海")
    expect(asked.get_by_label("Caption")).to_have_count(0)
