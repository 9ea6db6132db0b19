"""A finding leads to the line of the Markdown that it is about."""

from __future__ import annotations

import pytest

from newsletter.issues.checks.findings import IssueField, IssuePlace
from newsletter.issues.checks.lines import find_line

TEXT = """---
title: 題
preheader: 前
---

リード

# 章

### 記事

```
# 章ではない
```

## 節

### 記事

<http://example.jp/>
"""


@pytest.mark.parametrize(
    ("place", "about", "line"),
    [
        (IssuePlace(field=IssueField.PREHEADER), "", 3),
        (IssuePlace(field=IssueField.LEAD), "", 5),
        (IssuePlace(field=IssueField.HEADING, chapter=1), "", 8),
        (IssuePlace(field=IssueField.BODY, chapter=1, item=1), "", 10),
        (IssuePlace(field=IssueField.BODY, chapter=1, section=1, item=1), "", 18),
        (IssuePlace(field=IssueField.LINKS, chapter=1, section=1), "http://example.jp/", 20),
        (IssuePlace(field=IssueField.MAIL), "", 1),
    ],
)
def test_a_place_has_its_line(place: IssuePlace, about: str, line: int) -> None:
    assert find_line(TEXT, place, about=about) == line
