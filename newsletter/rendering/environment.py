"""The Jinja2 environment of mail templates: sandboxed, escaping, strict on undefined names.

An untranslated issue is also sent to readers of other languages: its own text stays as written, but
fixed text, such as the unsubscribe instructions, is in the language of each reader.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cache, lru_cache, partial
from pathlib import Path

from jinja2 import (
    BaseLoader,
    DictLoader,
    FileSystemLoader,
    FunctionLoader,
    StrictUndefined,
    pass_context,
)
from jinja2 import TemplateError as JinjaError
from jinja2.exceptions import TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from newsletter.errors import NotFoundError, Place, TemplateError
from newsletter.i18n import formats
from newsletter.i18n.catalogue import Words
from newsletter.i18n.language import Language, language_of_words
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.i18n.values import Listing, Size
from newsletter.issues.model import Block
from newsletter.issues.outline import chapter_anchor, item_anchor, section_anchor
from newsletter.rendering.blocks import BlockContext
from newsletter.rendering.html import blocks_html, inline_html, short_url
from newsletter.rendering.mjml import blank_jinja, check_source
from newsletter.rendering.mjml_source import MjmlError, read_mjml
from newsletter.rendering.model import BODY, SUBJECT, TEXT, Files, TemplateSource
from newsletter.rendering.slots import SlotMarks
from newsletter.rendering.text import blocks_text, rule
from newsletter.rendering.theme import font_family, outlook_font
from newsletter.rendering.wrap import wrap
from newsletter.settings import template_folders


class ForReader:
    """The same text in each language; when a template prints it, a mark is written."""

    def __init__(self, marks: SlotMarks, own: Language, words: Mapping[Language, str]) -> None:
        self._marks = marks
        self._own = own
        self._words = words

    def each(self, change: Callable[[Language, str], str]) -> ForReader:
        """Return a copy with ``change`` applied to the text of each language."""
        changed = {language: change(language, words) for language, words in self._words.items()}
        return ForReader(self._marks, self._own, changed)

    def __str__(self) -> str:
        others = {each.value: words for each, words in self._words.items() if each != self._own}
        return self._marks.words(self._words[self._own], others)

    def __html__(self) -> str:
        """Return the mark as it is; the text is escaped when it replaces the mark."""
        return str(self)


def _for_reader(context: Context, word: Callable[[Language], str]) -> ForReader | str:
    own, marks = language_of_words(context["lang"]), context.get("marks")
    if not isinstance(marks, SlotMarks):
        return word(own)
    return ForReader(marks, own, {language: word(language) for language in Language})


@pass_context
def reader_gettext(context: Context, words: str, /, **values: object) -> ForReader | str:
    """Return a text in each reader's language."""
    return _for_reader(context, lambda language: Words(language).gettext(words, **values))


@pass_context
def reader_pgettext(
    context: Context, meaning: str, words: str, /, **values: object
) -> ForReader | str:
    """Return a text with a context (as in pgettext) in each reader's language."""
    return _for_reader(context, lambda language: Words(language).pgettext(meaning, words, **values))


@pass_context
def reader_language(context: Context) -> ForReader | str:
    """Return the language tag of the fixed text."""
    return _for_reader(context, lambda language: language.value)


@pass_context
def labelled(context: Context, label: str | ForReader, value: object) -> str | ForReader:
    """Return a value after its label."""
    if isinstance(label, ForReader):
        return label.each(lambda language, words: Words(language).labelled(words, value))
    return Words(language_of_words(context["lang"])).labelled(label, value)


def wrap_words(text: str | ForReader, *, indent: str = "") -> str | ForReader:
    """Wrap a text, or the text of each language."""
    wrapped = partial(wrap, indent=indent)
    if isinstance(text, ForReader):
        return text.each(lambda _language, words: wrapped(words))
    return wrapped(text)


#: Jinja's messages for an unknown name or attribute.
_UNKNOWN = re.compile(r"has no attribute '(\w+)'$|^'(\w+)' is undefined$")
#: The styles of the mail for the page on which it is edited.
SURFACE = "_shared/surface.css.j2"
#: Maximum characters of one part of a newsletter's own template; a mail has about 100,000.
_LONGEST = 2_000_000


def _setting(context: Context) -> BlockContext:
    """Return the context of blocks; a notice only has a language."""
    known = context.get("block_context")
    return (
        known
        if isinstance(known, BlockContext)
        else BlockContext(language=language_of_words(context["lang"]))
    )


@pass_context
def _html(context: Context, blocks: Iterable[Block]) -> Markup:
    return blocks_html(blocks, _setting(context))


@pass_context
def _text(context: Context, blocks: Iterable[Block]) -> str:
    return blocks_text(blocks, _setting(context))


@pass_context
def _gettext(context: Context, words: str, /, **values: object) -> str:
    return Words(language_of_words(context["lang"])).gettext(words, **values)


@pass_context
def _ngettext(context: Context, one: str, many: str, number: int, /, **values: object) -> str:
    return Words(language_of_words(context["lang"])).ngettext(one, many, number, **values)


@pass_context
def _pgettext(context: Context, meaning: str, words: str, /, **values: object) -> str:
    return Words(language_of_words(context["lang"])).pgettext(meaning, words, **values)


@pass_context
def _full_day(context: Context, day: date) -> str:
    return formats.format_day(day, language_of_words(context["lang"]))


@pass_context
def _month_name(context: Context, day: date) -> str:
    return formats.format_month(day, language_of_words(context["lang"]))


@pass_context
def _weekday_name(context: Context, day: date) -> str:
    return formats.format_weekday(day, language_of_words(context["lang"]))


@pass_context
def _numbered(context: Context, number: str) -> str:
    """Return an edition's number as text. This is no macro, whose result would count as escaped."""
    if not number[:1].isdigit():
        return number
    worded = pmsg("issue number", "No. {number}", number=number)
    return worded.in_language(language_of_words(context["lang"]))


@cache
def templates_in(templates_dir: Path) -> MailTemplates:
    """Return the templates of a folder, compiled once; changed files are compiled again."""
    return MailTemplates(templates_dir)


def _environment(loader: BaseLoader) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=lambda name: name is not None and ".mjml" in name,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # `lipsum` makes sample text, which is useless in mail.
    environment.globals.pop("lipsum")
    environment.filters.update(
        html=_html,
        runs=inline_html,
        text=_text,
        wrap=wrap_words,
        short_url=short_url,
        font_family=font_family,
        outlook_font=outlook_font,
        numbered=_numbered,
        full_day=_full_day,
        month_name=_month_name,
        weekday_name=_weekday_name,
    )
    environment.globals.update(
        chapter_anchor=chapter_anchor,
        section_anchor=section_anchor,
        item_anchor=item_anchor,
        rule=rule,
        _=_gettext,
        gettext=_gettext,
        ngettext=_ngettext,
        pgettext=_pgettext,
        labelled=labelled,
        reader_gettext=reader_gettext,
        reader_pgettext=reader_pgettext,
        reader_language=reader_language,
    )
    return environment


class MailTemplates:
    """The templates in one folder: ``<name>/`` holds a template, ``_shared/`` the partials."""

    def __init__(self, templates_dir: Path) -> None:
        self._folder = templates_dir / "email"
        self._folders = template_folders(templates_dir, "email")
        self._environment = _environment(FileSystemLoader(self._folders))
        self._checked: dict[str, tuple[float, ...]] = {}
        self._idle: dict[str, list[tuple[Message, Place]]] = {}

    def names(self) -> list[str]:
        """Return the names of all templates."""
        return sorted(
            folder.name for folder in self._folder.iterdir() if (folder / SUBJECT).is_file()
        )

    def stamp(self, name: str) -> tuple[float, ...]:
        """Return a value that changes when a file of the template or a partial is written."""
        files = sorted(path for _folder, path in self._paths(name))
        return tuple(path.stat().st_mtime for path in files)

    def files(self, name: str) -> Files:
        """Return all files that a template is rendered from, for storing their present state."""
        files: dict[str, str] = {}
        for folder, path in self._paths(name):
            files.setdefault(path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8"))
        return tuple(sorted(files.items()))

    def _paths(self, name: str) -> Iterator[tuple[Path, Path]]:
        """Yield the files of a template and its partials, each with the folder that contains it."""
        for folder in self._folders:
            for part in dict.fromkeys((name, str(Path(name).parent), "_shared")):
                yield from ((folder, path) for path in (folder / part).glob("*.j2"))

    def check(self, name: str) -> None:
        """Check a template's files before rendering, once until a file is changed.

        Raises:
            NotFoundError: There is no such template.
            TemplateError: A file is missing, or its MJML has unknown tags or attributes.
        """
        if name not in self.names():
            raise NotFoundError(
                msg("There is no template “{name}”.", name=name),
                remedy=msg("The choices are: {names}.", names=Listing(tuple(self.names()))),
            )
        stamp = self.stamp(name)
        if self._checked.get(name) == stamp:
            return
        for file in (BODY, TEXT, SUBJECT):
            if not (self._folder / name / file).is_file():
                raise TemplateError(
                    msg("The file is missing."), place=Place(source=f"{name}/{file}")
                )
        shared = (self._folder / "_shared").glob("*.mjml.j2")
        idle = []
        for path in (self._folder / name / BODY, *shared):
            source = path.read_text(encoding="utf-8")
            idle += check_source(source, template=path.relative_to(self._folder).as_posix())
        self._idle[name] = idle
        self._checked[name] = stamp

    def prints_contents(self, name: str) -> bool:
        """Return whether a template itself adds a table of contents to the mail."""
        path = self._folder / name / BODY
        if name not in self.names() or not path.is_file():
            return False
        try:
            parsed = self._environment.parse(path.read_text(encoding="utf-8"))
        except TemplateSyntaxError:
            return False
        return "contents" in find_undeclared_variables(parsed)

    def without_effect(self, name: str) -> list[tuple[Message, Place]]:
        """Return the parts of a template without effect, with their places, by its last check."""
        return self._idle.get(name, [])

    def render(self, path: str, values: dict[str, object]) -> str:
        """Render one file.

        Raises:
            TemplateError: Rendering failed; the message names template and line.
        """
        with _as_template_error(path, self._folders):
            return self._environment.get_template(path).render(values)


@lru_cache(maxsize=4)
def templates_of(files: Files) -> KeptTemplates:
    """Return templates made from the result of `MailTemplates.files`, compiled once."""
    return KeptTemplates(files)


class KeptTemplates:
    """Templates from an earlier state of their files; they are rendered without further checks."""

    def __init__(self, files: Files) -> None:
        self._environment = _environment(DictLoader(dict(files)))

    def render(self, path: str, values: dict[str, object]) -> str:
        """Render one file.

        Raises:
            TemplateError: Rendering failed; the message names template and line.
        """
        with _as_template_error(path, ()):
            return self._environment.get_template(path).render(values)


class OwnTemplate:
    """A newsletter's own template, which may include the product's partials and nothing else.

    It is rendered in a separate process with limits (`newsletter.rendering.sandbox`).
    """

    def __init__(self, name: str, source: TemplateSource, partials: Mapping[str, str]) -> None:
        self._name = name
        self._source = source
        self._partials = partials
        self._environment = _environment(FunctionLoader(self._load))

    @staticmethod
    def read_partials(templates_dir: Path) -> dict[str, str]:
        """Return the text of all partials that may be included, by path."""
        partials: dict[str, str] = {}
        for folder in reversed(template_folders(templates_dir, "email")):
            for path in sorted((folder / "_shared").glob("*.j2")):
                partials[f"_shared/{path.name}"] = path.read_text(encoding="utf-8")
        return partials

    def _load(self, path: str) -> tuple[str, str, Callable[[], bool]] | None:
        text = self._source.files(self._name).get(path) or self._partials.get(path)
        return None if text is None else (text, path, lambda: True)

    def check(self) -> list[tuple[Message, Place]]:
        """Check the files before rendering; return the parts without effect.

        Raises:
            TemplateError: A file cannot be parsed, or its MJML has unknown tags or attributes.
        """
        for path, text in self._source.files(self._name).items():
            with _as_template_error(path, ()):
                self._environment.parse(text, name=path, filename=path)
        return check_source(self._source.body, template=f"{self._name}/{BODY}")

    def fault_in_source(self) -> TemplateError | None:
        """Return the fault in the MJML source; None if only the result of its Jinja is faulty.

        Call this only after the rendered MJML failed, whose line numbers mean nothing to the
        author. Before that, a fault in the source proves nothing: each of several Jinja branches
        may open an element that is closed once below them.
        """
        try:
            read_mjml(blank_jinja(self._source.body))
        except MjmlError as error:
            return error.in_template(f"{self._name}/{BODY}")
        return None

    def render(self, path: str, values: dict[str, object]) -> str:
        """Render one file, up to its maximum length.

        Raises:
            TemplateError: Rendering failed or the result is too long; the message names template
                and line.
        """
        parts, length = [], 0
        with _as_template_error(path, ()):
            for part in self._environment.get_template(path).generate(values):
                length += len(part)
                if length > _LONGEST:
                    break
                parts.append(part)
        if length > _LONGEST:
            raise TemplateError(
                msg("The template yields more than {limit}.", limit=Size(_LONGEST)),
                place=Place(source=path),
                remedy=msg("Look for a loop that repeats too often."),
            )
        return "".join(parts)


@contextmanager
def _as_template_error(path: str, folders: Iterable[Path]) -> Iterator[None]:
    """Convert any exception of a template to `TemplateError`.

    Raises:
        TemplateError: The template failed; the message names template and line.
    """
    try:
        yield
    except TemplateSyntaxError as error:
        place = Place(source=error.name or path, line=error.lineno)
        raise TemplateError(
            msg("The template cannot be read: {reason}.", reason=error.message), place=place
        ) from None
    except TemplateNotFound as error:
        raise TemplateError(
            msg("It includes “{name}”, which does not exist.", name=error.name),
            place=Place(source=path),
        ) from None
    except UndefinedError as error:
        place = _place(error, path, folders)
        if unknown := _UNKNOWN.search(error.message or ""):
            name = unknown[1] or unknown[2]
            raise TemplateError(
                msg("The template uses “{name}”, which does not exist.", name=name), place=place
            ) from None
        raise TemplateError(
            msg("The template cannot be read: {reason}.", reason=error.message), place=place
        ) from None
    except JinjaError as error:
        raise TemplateError(
            msg("The template cannot be read: {reason}.", reason=error.message),
            place=_place(error, path, folders),
        ) from None
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise TemplateError(
            msg("The template failed: {reason}.", reason=error),
            place=_place(error, path, folders),
        ) from None


def _place(error: Exception, path: str, folders: Iterable[Path]) -> Place:
    """Return the innermost template line; Jinja rewrites tracebacks to name template files."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.endswith(".j2"):
            source = Path(frame.filename)
            for folder in folders:
                if source.is_relative_to(folder):
                    source = source.relative_to(folder)
            return Place(source=source.as_posix(), line=frame.lineno)
    return Place(source=path)
