"""Convert MJML of other systems to a template: insert the issue, and report remaining work."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from newsletter.errors import ContentError, Place, TemplateError
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Size
from newsletter.rendering.mjml import blank_jinja, check_source
from newsletter.rendering.mjml_source import MjmlError, find_stray_words

#: Maximum octets of a file.
LARGEST_MJML = 200_000
_START = """{% from "_shared/words.j2" import words, day with context %}
{% import "_shared/frame.mjml.j2" as frame with context %}
{% set light, dark = look.light, look.dark %}
"""
_STYLES = """<mj-style inline="inline">
    {% include "_shared/base.css.j2" %}
    {% include "_shared/forms.css.j2" %}
    {% include "_shared/blocks.css.j2" %}
  </mj-style>
"""
#: The issue's title, for templates without a placeholder for the subject.
_HEADLINE = """<mj-section css-class="card" background-color="{{ light.card }}">
  <mj-column>
    <mj-text css-class="words" padding="28px 32px 0">
      <h1 class="title" style="color: {{ light.text }}">{{ issue.title }}</h1>
    </mj-text>
  </mj-column>
</mj-section>
"""
_CONTENT = '{% include "_shared/content.mjml.j2" %}\n'
#: The sender, required by law; credits; the unsubscribe link.
_FOOTER = "{{ frame.footer(words) }}\n"
#: Placeholders of other systems for the unsubscribe link: Mailchimp, listmonk, Buttondown, Keila,
#: SendGrid, Brevo, MailerLite, Mautic, HubSpot.
_LEAVING = re.compile(
    r"\*\|UNSUB\|\*|\{\{\s{0,9}\.?\s{0,9}unsubscribe_?(?:url|link)?\s{0,9}\}\}"
    r"|<%\s{0,9}asm_group_unsubscribe_raw_url\s{0,9}%>|\{\$unsubscribe\}|\{unsubscribe_url\}|%unsubscribe_url%",
    re.IGNORECASE,
)
_VIEWING = re.compile(
    r"\*\|ARCHIVE\|\*|\{\{\s{0,9}\.?\s{0,9}(?:mirror|messageurl|view_in_browser|archive_url)\s{0,9}\}\}"
    r"|\{\$url\}|\{webview_url\}|%view_url%",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"\*\|MC:SUBJECT\|\*|\{\{\s{0,9}\.?\s{0,9}(?:subject|campaign\.subject)\s{0,9}\}\}",
    re.IGNORECASE,
)
_OWN = re.compile(r"\{[{%][^}\n]{0,120}?\b(?:issue|frame)\b")
#: Any other placeholder of any system; `_OURS` tells our own Jinja apart.
_OTHERS = re.compile(
    r"\*\|[^|\n]{1,60}\|\*|\{\{[^}\n]{1,120}\}\}|\{%[^%\n]{1,120}%\}|\[\[[^\]\n]{1,60}\]\]"
    r"|<%[^%\n]{1,80}%>|%%[^%\n]{1,40}%%|(?<![{$])\{\$?[A-Za-z_][\w.|]{0,60}\}(?!\})",
)
_OURS = re.compile(
    r"\b(?:issue|slots|publisher|look|light|dark|frame|words|day|chapter|item|preheader)\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """A remark on something that could not be converted; lines count from 1."""

    line: int
    message: Message


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignTemplate:
    """A body in MJML and Jinja, and remarks on the work that remains."""

    body: str
    remarks: tuple[Remark, ...]


def import_template(data: bytes, *, source: str) -> ForeignTemplate:
    """Convert MJML to a template by inserting the issue's content and the unsubscribe link.

    A file that is a template of this product is not changed. The lines of remarks refer to the
    returned body.

    Raises:
        ContentError: The file is too large, not UTF-8, or not MJML.
    """
    text = _read(data, Place(source=source))
    if _OWN.search(text):
        return ForeignTemplate(body=text, remarks=())
    for pattern, ours in (
        (_LEAVING, "{{ slots.unsubscribe_url }}"),
        (_VIEWING, "{{ slots.view_url }}"),
        (_SUBJECT, "{{ issue.title }}"),
    ):
        text = pattern.sub(ours, text)
    is_headed = "{{ issue.title }}" in text.partition("<mj-body")[2]
    content = _CONTENT if is_headed else _HEADLINE + _CONTENT
    text = _put(text, "</mj-body>", content + _FOOTER)
    if "</mj-head>" not in text:
        text = re.sub(r"(<mjml\b[^<>]*>)", r"\1\n<mj-head></mj-head>", text, count=1)
    text = _put(text, "</mj-head>", _STYLES)
    body, skipped = _without_stray_words(_START + text)
    remarks = sorted([*skipped, *_remarks(body)], key=lambda remark: remark.line)
    return ForeignTemplate(body=body, remarks=tuple(remarks))


def _without_stray_words(body: str) -> tuple[str, list[Remark]]:
    """Remove text between elements, as MJML does; other systems' placeholders are kept."""
    try:
        found = find_stray_words(blank_jinja(body))
    except MjmlError:
        return body, []
    remarks = []
    for at, words in reversed(found):
        if (stray := words.strip()) and not _OTHERS.search(stray):
            begin = body.index(stray, at)
            body = body[:begin] + re.sub(r"[^\n]", "", stray) + body[begin + len(stray) :]
            remarks.append(
                Remark(
                    line=body.count("\n", 0, begin) + 1,
                    message=msg(
                        "“{text}” is outside of <mj-text>, and was left out.", text=stray[:40]
                    ),
                )
            )
    return body, remarks


def _read(data: bytes, place: Place) -> str:
    if len(data) > LARGEST_MJML:
        raise ContentError(
            msg("The file is larger than {limit}.", limit=Size(LARGEST_MJML)), place=place
        )
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        text = ""
    if "<mjml" not in text or "\0" in text:
        raise ContentError(
            msg("This is not MJML: there is no <mjml> in it."),
            place=place,
            remedy=msg("Choose a file that MJML or its editor wrote, in UTF-8."),
        )
    return text


def _put(text: str, before: str, addition: str) -> str:
    at = text.rfind(before)
    return text if at < 0 else text[:at] + addition + text[at:]


def _remarks(body: str) -> Iterator[Remark]:
    for number, line in enumerate(body.split("\n"), start=1):
        if "<mj-include" in line:
            yield Remark(
                line=number,
                message=msg("Other files are not read: put their text here instead."),
            )
        for match in _OTHERS.finditer(line):
            if not _OURS.search(match[0]) and "_shared/" not in match[0]:
                yield Remark(
                    line=number,
                    message=msg(
                        "“{sign}” is a sign of another system; replace or remove it.",
                        sign=match[0],
                    ),
                )
    try:
        for reason, place in check_source(body, template=""):
            yield Remark(line=place.line or 1, message=reason)
    except TemplateError:
        pass  # This error is reported when the template is checked.
    for missing, message in _MISSING.items():
        if missing not in body:
            yield Remark(line=1, message=message)


_MISSING: Mapping[str, Message] = {
    "</mj-body>": msg("There is no <mj-body>, so the issue could not be put in."),
}
