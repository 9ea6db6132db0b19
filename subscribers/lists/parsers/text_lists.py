"""Lists that are not tables: addresses in lines or in sequence, with headings between them.

A heading ("BOUNCING", "停止した方") applies to all addresses below it. It becomes a column of these
rows, which is interpreted like a column of states.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from newsletter.i18n.normal_form import normal_form
from subscribers.lists.words.cell_words import against_mail, denies, read_remark, read_state
from subscribers.lists.words.formats import ListState
from subscribers.lists.words.harmless import (
    ValueKind,
    kind_of_value,
    may_speak,
    speaks,
    speaks_of_more_than_mail,
    tells_leaving,
)

#: The column for headings above rows; a name that does not occur in lists.
SECTION = "##"
#: The column for titles and notes against mail next to the rows; only a person can decide to whom
#: they apply.
BESIDE = "###"
#: The column for comments on cells of a row in a spreadsheet.
COMMENTS = "####"
#: The additional columns for texts next to the rows.
OURS = frozenset({SECTION, BESIDE, COMMENTS})
#: Characters of the comments on a row that are read.
LONGEST_COMMENT = 1000
#: The columns of a list that is not a table: the address, and the text after it.
NAMES = ("#1", "#2")
#: Full-width characters between and around addresses.
_WIDE = "、，；：・／｜＜＞（）「」『』【】"
_NOT_IN_ONE = rf"\s@<>()\[\]\",;:{_WIDE}"
#: An address; apostrophes are allowed within the local part, but not at its beginning.
_ADDRESS = re.compile(rf"[^'{_NOT_IN_ONE}][^{_NOT_IN_ONE}]{{0,63}}@[^'{_NOT_IN_ONE}]{{1,255}}")
_AROUND = f" \t\r\n,;:<>\"'()|{_WIDE}"
_BEHIND = re.compile(r"[\s,;>'\"、，；・／｜＞]*")
#: The text between two addresses: closing brackets of the first one, then a remark about it in
#: brackets or before the separator. Quoted text is the name of the second one.
_CLOSING = re.compile(r"[\s>)\]'）＞」』】]*")
_SAID_BEHIND = re.compile(
    r"(?P<remark>[(（\[［【][^()（）\[\]［］【】]*[)）\]］】]|[^\",;、，；／｜|]+(?=[,;、，；／｜|]))"
)
#: The beginning of a mail's header field with addresses.
_LABEL = re.compile(
    r"\s*(?:(?P<sender>from|reply-to|sender|von|de|da|van|fra|från|od|от|差出人|送信者|送信元|返信先|"
    r"发件人|寄件者|보낸 사람)|to|b?cc|an|kopie|à|para|pour|copie|aan|til|till|do|komu|кому|копия|"
    r"宛先|受信者|收件人|收件者|抄送|받는 사람|참조)\s*[:：]\s*",
    re.IGNORECASE,
)
_REMARK = re.compile(r"\s[-‐-―]+\s|[:：(（]")
_NAMES_ADDRESS = re.compile(
    r"mail|address|adress|アドレス|連絡先|correo|courriel|poczta|post|메일|邮箱|郵箱|信箱|почт",
    re.IGNORECASE,
)


class Line(NamedTuple):
    """An address with the name before it and the text after it."""

    address: str
    remark: str


def read_heading(text: str) -> ListState | None:
    """Return the state against mail in a heading; unclear if it is ambiguous.

    A state may be followed by a remark: "BOUNCING (May)". Places, classes, numbers and consent are
    not states against mail.
    """
    piece = _REMARK.split(normal_form(text).strip(), maxsplit=1)[0].strip(" .:*=#-[]【】<>《》")
    state = against_mail(piece) or read_state(piece)
    if state is ListState.CONFIRMED or (
        state is None and not speaks(piece) and kind_of_value(piece) is not ValueKind.TEXT
    ):
        return None
    if state is None and denies(piece):
        state = ListState.UNSUBSCRIBED
    return state or read_remark(piece) or ListState.UNCLEAR


@lru_cache(maxsize=1024)
def is_heading(text: str) -> bool:
    """Return whether a single text is a heading about mail for the rows below it."""
    return read_heading(text) is not None and (speaks(text) or tells_leaving(text))


def titles_against(texts: Iterable[str]) -> str:
    """Return the titles of a list that are about unsubscribing or against mail."""
    return " / ".join(filter(_is_title_against, texts))


def _is_title_against(title: str) -> bool:
    state = read_heading(title)
    if state is ListState.UNCLEAR:
        return speaks_of_more_than_mail(title) or tells_leaving(title)
    return state is not None or tells_leaving(title)


def comments_against(texts: Iterable[str]) -> str:
    """Return the comments on a row that are about mail or unsubscribing, as one line."""
    plain = (" ".join(text.split())[:LONGEST_COMMENT] for text in texts)
    return " / ".join(text for text in plain if _is_against(text))[:LONGEST_COMMENT]


@lru_cache(maxsize=1024)
def _is_against(text: str) -> bool:
    return may_speak(text) or tells_leaving(text) or read_remark(text) is not None


def names_column(text: str) -> bool:
    """Return whether the line above all addresses is a column name and not a heading."""
    if _NAMES_ADDRESS.search(text):
        return read_state(text) is None
    is_word = len(text.split()) == 1
    says = speaks(text) or tells_leaving(text) or against_mail(text) or denies(text)
    return is_word and not says and read_state(text) is None


#: Header fields of a mail's date and subject.
_FIELD = re.compile(
    r"\s*(?:date|sent|gesendet|datum|envoyé|enviado|fecha|data|inviato|verzonden|skickat|sendt|wysłano|"
    r"отправлено|дата|日時|送信日時|日付|发送时间|日期|보낸 날짜|"
    r"subject|betreff|objet|asunto|assunto|oggetto|onderwerp|ämne|emne|temat|тема|件名|主题|主旨|제목)"
    r"\s*[:：]|-{3,}",
    re.IGNORECASE,
)


def is_of_mail(lines: Iterable[str]) -> bool:
    """Return whether lines are the header of a mail with sender and recipients."""
    labels = [found for line in lines if "@" in line and (found := _LABEL.match(line))]
    return len({found["sender"] is None for found in labels}) > 1


def is_of_sender(line: str) -> bool:
    """Return whether a line of a mail's header is the sender."""
    found = _LABEL.match(line)
    return found is not None and found["sender"] is not None


def says_nothing_of_mail(line: str) -> bool:
    """Return whether a line is a mail's subject or date, and not about unsubscribing."""
    found = _FIELD.match(line)
    return found is not None and not titles_against([line[found.end() :].strip()])


def is_remark(line: str) -> bool:
    """Return whether a line is commented out and not a heading about mail."""
    return line.lstrip().startswith(("#", "//")) and not is_heading(line)


def lines_of(text: str) -> Iterator[Line]:
    """Yield the addresses of a line, each with its name; nothing for a heading."""
    found = [*_ADDRESS.finditer(text)]
    label = _LABEL.match(text) if found else None
    name = text[label.end() if label else 0 : found[0].start()] if found else ""
    for at, match in enumerate(found):
        is_last = at + 1 == len(found)
        behind = text[match.end() : len(text) if is_last else found[at + 1].start()]
        if is_last:
            remark, following = _BEHIND.sub("", behind.strip(), count=1), ""
        else:
            remark, following = _parted(behind)
        address, known = match[0].rstrip(".。"), _name_of(name)
        yield Line(f"{known} <{address}>" if known else address, remark)
        name = following


def _parted(between: str) -> tuple[str, str]:
    """Return the remark about the first of two addresses, and the text before the second."""
    between = between[_CLOSING.match(between).end() :]  # type: ignore[union-attr]
    said = _SAID_BEHIND.match(between)
    return (said["remark"].strip(), between[said.end() :]) if said else ("", between)


def _name_of(text: str) -> str:
    """Return a name without surrounding punctuation; a bracketed remark keeps both brackets."""
    name = " ".join(text.strip(_AROUND).split())
    for opening, closing in ("()", "（）", "【】"):
        missing = name.count(opening) - name.count(closing)
        name = f"{opening * -missing}{name}{closing * missing}"
    return name


def is_table(rows: Iterable[Sequence[str]]) -> bool:
    """Return whether rows with addresses have the same number of cells and one address each."""
    held = [row for row in rows if any("@" in cell for cell in row)]
    return (
        len({len(row) for row in held}) == 1
        and len(held[0]) > 1
        and all(
            sum("@" in cell for cell in row) == 1
            and any(_ADDRESS.fullmatch(cell.strip()) for cell in row)
            for row in held
        )
    )
