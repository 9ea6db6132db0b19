"""What mail clients lack of CSS and HTML, as a literal table after caniemail.com's tests.

Listed is what breaks a layout or hides content in a client many people use; what merely looks
plainer there is left out. Gmail stands for its web and telephone applications alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from newsletter.issues.findings import Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class Lack:
    """A feature and who lacks it.

    Attributes:
        name: As CSS or HTML writes it; ``property:value`` for one value of a property.
    """

    name: str
    clients: tuple[str, ...]
    severity: Severity
    remedy_ja: str
    remedy_en: str


_OUTLOOK = "Outlook (Windows)"
_TABLES = ("表かMJMLの列で組んでください。", "Lay out with MJML columns or tables.")
_DROP = ("使わないでください。", "Do without it.")
_PLAIN = ("無くても読めるようにしてください。", "See that it reads well without.")
_TEXT = ("リンクに置き換えてください。", "Put a link in its place.")


def _lacks(
    severity: Severity, names: str, clients: Iterable[str], remedy: tuple[str, str]
) -> dict[str, Lack]:
    return {
        name: Lack(
            name=name,
            clients=tuple(clients),
            severity=severity,
            remedy_ja=remedy[0],
            remedy_en=remedy[1],
        )
        for name in names.split()
    }


#: By property, or by ``property:value``.
CSS: dict[str, Lack] = {
    **_lacks(
        Severity.WARNING,
        "position position:absolute position:fixed position:sticky",
        ("Gmail", _OUTLOOK, "Yahoo! Mail"),
        _DROP,
    ),
    **_lacks(Severity.WARNING, "float", (_OUTLOOK,), _TABLES),
    **_lacks(
        Severity.WARNING,
        "display:flex display:inline-flex display:grid display:inline-grid",
        ("Gmail (IMAP)", _OUTLOOK, "Yahoo! Mail"),
        _TABLES,
    ),
    **_lacks(
        Severity.WARNING,
        "grid-template-columns grid-template-areas flex-direction flex-wrap justify-content",
        (_OUTLOOK, "Gmail (IMAP)"),
        _TABLES,
    ),
    **_lacks(
        Severity.WARNING,
        "clip-path mask mask-image filter mix-blend-mode object-position",
        ("Gmail", _OUTLOOK),
        _DROP,
    ),
    **_lacks(
        Severity.HINT,
        "animation animation-name transition transform",
        ("Gmail", _OUTLOOK),
        _PLAIN,
    ),
    **_lacks(
        Severity.WARNING,
        "background-image",
        (_OUTLOOK,),
        ("背景色も指定してください。", "Give a background colour as well."),
    ),
    **_lacks(
        Severity.WARNING,
        "writing-mode column-count columns aspect-ratio inset accent-color content-visibility",
        ("Gmail", _OUTLOOK),
        _DROP,
    ),
    **_lacks(Severity.WARNING, "visibility:hidden", (_OUTLOOK,), _DROP),
}

#: Functions and at-rules, looked for anywhere in values and style sheets.
CSS_WORDS: dict[str, Lack] = {
    **_lacks(
        Severity.WARNING,
        "var( clamp( min( max( env( color-mix( oklch( lab(",
        ("Gmail", _OUTLOOK, "Yahoo! Mail"),
        ("値をそのまま書いてください。", "Write the value itself."),
    ),
    **_lacks(
        Severity.WARNING,
        "calc(",
        (_OUTLOOK, "Yahoo! Mail"),
        ("値を書いてください。", "Write it out."),
    ),
    **_lacks(Severity.WARNING, "@import", ("Gmail", _OUTLOOK, "Yahoo! Mail"), _DROP),
    **_lacks(Severity.HINT, "@font-face", ("Gmail", _OUTLOOK, "Yahoo! Mail"), _PLAIN),
    **_lacks(Severity.WARNING, "@container @layer", ("Gmail", _OUTLOOK), _DROP),
}

#: By element.
HTML: dict[str, Lack] = {
    **_lacks(
        Severity.ERROR,
        "script iframe object embed applet form",
        ("Gmail", _OUTLOOK, "Apple Mail", "Yahoo! Mail"),
        _TEXT,
    ),
    **_lacks(
        Severity.WARNING,
        "input button select textarea",
        ("Gmail", _OUTLOOK),
        _TEXT,
    ),
    **_lacks(Severity.WARNING, "video audio canvas", ("Gmail", _OUTLOOK, "Yahoo! Mail"), _TEXT),
    **_lacks(
        Severity.WARNING,
        "svg",
        ("Gmail", _OUTLOOK, "Yahoo! Mail"),
        ("PNGにしてください。", "Use a PNG."),
    ),
    **_lacks(
        Severity.WARNING,
        "picture",
        ("Gmail", _OUTLOOK),
        ("imgを一つだけにしてください。", "Use one img."),
    ),
    **_lacks(Severity.WARNING, "dialog details marquee base", ("Gmail", _OUTLOOK), _DROP),
    **_lacks(
        Severity.WARNING,
        "link",
        ("Gmail", _OUTLOOK, "Yahoo! Mail"),
        ("styleに書いてください。", "Write the style into the template."),
    ),
}

#: Endings of picture files that clients do not show.
PICTURES: dict[str, Lack] = {
    **_lacks(
        Severity.WARNING,
        ".svg .avif .heic .heif .tif .tiff",
        ("Gmail", _OUTLOOK),
        ("PNGかJPEGにしてください。", "Use PNG or JPEG."),
    ),
    **_lacks(
        Severity.HINT,
        ".webp",
        ("Outlook 2019 (Windows)", "Lotus Notes"),
        ("PNGかJPEGにしてください。", "Use PNG or JPEG."),
    ),
}
