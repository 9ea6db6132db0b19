"""One word a thing: what stands in two rooms does not bear one name."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
#: Classes, and names for types that are made of others.
_TYPE = re.compile(r"^(?:class )?([A-Z][a-z]\w*)(?=[(:]| =)", flags=re.MULTILINE)


def test_no_two_types_bear_one_name() -> None:
    places = defaultdict(list)
    for room in ("newsletter", "subscribers", "workers"):
        for path in (_ROOT / room).rglob("*.py"):
            for name in _TYPE.findall(path.read_text(encoding="utf-8")):
                places[name].append(str(path.relative_to(_ROOT)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
