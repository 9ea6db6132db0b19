"""A long issue is shown while it is typed: two hundred items, each with all that digests have."""

from __future__ import annotations

import json
from dataclasses import replace
from time import process_time

from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.model import Issue, issue_to_json
from newsletter.issues.sources.editor_json import read_json
from newsletter.rendering.render import render_issue
from tests.rendering.test_render import PUBLISHER, TEMPLATES

#: What a slow and busy machine may take; a quiet one takes a quarter of a second.
_SECONDS = 0.75


def _item(number: int) -> str:
    return f"""
### 記事の見出し{number}

**太字**と[リンク](https://example.jp/a/{number}?x=1&y=2)のある本文で、*二行*にわたります。

- 一つ目の点
- 二つ目の[点](https://example.org/p)

| 日付 | 場所 | 人数 |
| --- | --- | ---: |
| 12月1日 | 市役所 | 10 |

<https://example.jp/more/{number}>
"""


def _issue() -> Issue:
    front = "---\ntitle: 十二月号\ndate: 2026-12-01\n---\n"
    items = (f"\n# 第{at // 10}章\n" * (at % 10 == 0) + _item(at) for at in range(200))
    return read_markdown(front + "".join(items), source="text")[0]


def test_a_change_to_a_long_issue_is_rendered_while_one_types() -> None:
    issue, taken = _issue(), []
    for title in ("十二月号", "十二月号の案"):
        typed = json.dumps(issue_to_json(replace(issue, title=title)))
        began = process_time()
        shown = read_json(typed)
        render_issue(shown, template="digest", templates_dir=TEMPLATES, publisher=PUBLISHER)
        taken.append(process_time() - began)

    assert min(taken) < _SECONDS
