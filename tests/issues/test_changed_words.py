"""What changed between two versions, in a line of the history."""

from __future__ import annotations

from dataclasses import replace

from newsletter.issues.difference import ChangedWords, changed_words
from newsletter.issues.model import Issue
from newsletter.issues.sources.reading import read_issue

_TEXT = """---
title: 十二月号
date: 2026-12-01
---

# お知らせ

年末は二十八日までです。

臨時の窓口を開きます。
"""


def _issue(text: str = _TEXT) -> Issue:
    return read_issue(text.encode(), source="text").issue


def test_the_first_new_words_name_a_change_and_the_others_are_counted() -> None:
    changed = _issue(_TEXT.replace("二十八日", "二十七日").replace("臨時の", "新しい"))
    assert changed_words(_issue(), changed) == ChangedWords(
        begins="年末は二十七日までです。", others=1
    )
    titled = replace(_issue(), title="一月号")
    assert changed_words(_issue(), titled) == ChangedWords(begins="一月号", others=0)


def test_what_is_gone_names_a_change_that_adds_nothing() -> None:
    shorter = _issue(_TEXT.replace("臨時の窓口を開きます。\n", ""))
    assert changed_words(_issue(), shorter) == ChangedWords(
        begins="臨時の窓口を開きます。", others=0
    )
    assert changed_words(_issue(), _issue()) is None


def test_a_long_text_is_named_by_its_whole_words() -> None:
    line = "Dear reader, here are the courses of this winter, free for all who live here."
    changed = changed_words(_issue(), _issue(_TEXT.replace("臨時の窓口を開きます。", line)))
    assert changed == ChangedWords(begins="Dear reader, here are the courses of…", others=0)
