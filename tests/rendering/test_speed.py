"""A long issue is rendered while it is typed; `make bench` measures the time."""

from __future__ import annotations

import json

from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.model import issue_to_json
from newsletter.issues.sources.editor_json import read_json
from newsletter.rendering.render import render_issue
from tests.rendering.test_render import PUBLISHER, TEMPLATES
from tests.support.growth import assert_linear


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


def _typed(items: int) -> str:
    """Return an issue as the editor sends it; each item has all parts that digests use."""
    front = "---\ntitle: 十二月号\ndate: 2026-12-01\n---\n"
    body = (f"\n# 第{at // 10}章\n" * (at % 10 == 0) + _item(at) for at in range(items))
    issue, _ = read_markdown(front + "".join(body), source="text")
    return json.dumps(issue_to_json(issue))


def _show(typed: str) -> None:
    issue = read_json(typed)
    render_issue(issue, template="digest", templates_dir=TEMPLATES, publisher=PUBLISHER)


def test_a_long_issue_is_rendered_in_time_that_grows_with_its_length() -> None:
    assert_linear(_show, _typed, size=200)
