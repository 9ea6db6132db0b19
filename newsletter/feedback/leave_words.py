"""Whether a sentence of a person's mail asks to be taken off a list, in whatever words.

Readers rarely write "unsubscribe": they want no more mails, ask to be taken off, or say "no more,
please". What asks is put together from an act and what it is about, language by language, in
``leave_words.toml``. A question, a condition, a denial or word of what is past takes it back:
then the sentence only speaks of leaving, and somebody has to read it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib.resources import files
from itertools import islice, zip_longest
from unicodedata import name as unicode_name
from unicodedata import normalize

from newsletter.rendering.wrap import width

#: Lines that are shorter ended where the writer wanted; longer ones may have been wrapped.
_WRAPPED_COLUMNS = 55
#: A line of Japanese that ends so was broken by its writer within a sentence.
_GOES_ON = re.compile(r"[をにはがのとへ、]$")
#: However short, where telephones break lines: such ends no name and no sentence.
_SURELY_GOES_ON = re.compile(
    r"(?:(?<!こんにち)(?<!こんばん)(?<!今日)は|[をがも、て]|(?:ので|から|ですが))$"
)
#: From here on a line tells something, and is no name.
_STORY_COLUMNS = 18
_ENDS = tuple(".!?。!?")
#: Sentences that are read: a wish stands among the first.
_SENTENCES = 40
#: Letters of a sentence that can be a wish: more tell a story.
_LONGEST_SENTENCE = 200
_SENTENCE_END = re.compile(r"(?<=[.!?。;])(?:\s+|(?=[^\x00-\x7fと]))")
#: What ends a thought within a sentence, so that another thought says nothing against it.
_CLAUSE_END = re.compile(
    r"[,;:()](?:\s|(?=[⺀-鿿]))|\s[-–—]+\s|、(?=お手数|以後|今後|至急)|(?<=ので)、?|(?<=ため)、|(?<=ですから)、?"
    r"|\b(?:so|because|since|although|therefore)\b|(?<=\S) (?:perch[éè]|weil|parce que|porque)\b",
    re.IGNORECASE,
)
#: What stands before these is only what the main clause is said in spite of.
_CONCESSION = re.compile(r"(?:が|けど|けれども?)[、,]")
#: A list, in any language, which may be one of people who take part in something.
_LIST = re.compile(r"\b(?:list|lijst|spis\b|списк)|リスト|名簿|名[单單]|명단|목록", re.IGNORECASE)
_PART = re.compile(r"\{([a-z]+)\}")
_WORD = re.compile(r"\w")
_QUESTION = re.compile(r"\?|か[。\s]*$")


class Wish(IntEnum):
    """How surely somebody asks to leave; the greater, the surer."""

    NONE = 0
    #: It speaks of leaving, and somebody has to read how.
    SPOKEN_OF = 1
    PLAIN = 2


@dataclass(frozen=True, slots=True)
class _Language:
    asking: re.Pattern[str]
    whole: re.Pattern[str]
    elsewhere: re.Pattern[str]
    mail: re.Pattern[str]
    alone: re.Pattern[str]
    filling: re.Pattern[str]
    request: re.Pattern[str]
    staying: re.Pattern[str]
    contrary: re.Pattern[str]


def read_mail_wish(subject: str, lines: Sequence[str]) -> Wish:
    """Return the surest wish of a mail's subject and of what is written below it.

    A subject such as "Cancellation" is of what the mail goes on to say, a flat or a seat, and asks
    for no end of mail by itself where that asks for none.
    """
    of_subject, of_lines = read_wish([subject]), read_wish(lines)
    names_mail = any(language.asking.search(subject) for language in _languages())
    if of_lines is not Wish.PLAIN and not names_mail and _says_more(lines):
        of_subject = min(of_subject, Wish.SPOKEN_OF)
    surest = max(of_subject, of_lines)
    return min(surest, Wish.SPOKEN_OF) if _wants_to_stay(_sentences(lines)) else surest


def _says_more(lines: Sequence[str]) -> bool:
    """Tell whether lines say something of their own, which a name below a greeting does not."""
    return any(
        (width(one) >= _STORY_COLUMNS or one.endswith(_ENDS))
        and not any(_fills(one, language) for language in _languages())
        for one in _sentences(lines)
    )


def _wants_to_stay(sentences: Iterable[str]) -> bool:
    return any(language.staying.search(one) for one in sentences for language in _languages())


def read_wish(lines: Sequence[str]) -> Wish:
    """Return the surest wish that these lines say, which one person wrote one below the other."""
    surest, is_first = Wish.NONE, True
    sentences = _sentences(lines)
    for sentence in sentences:
        wish = max(_asked(sentence), _said_alone(sentence, is_first=is_first))
        if wish is Wish.PLAIN and _LIST.search(sentence) and any(map(_leaves_other, sentences)):
            # The list that it asks to be taken off may be that of what it leaves.
            wish = Wish.SPOKEN_OF
        surest = max(surest, wish)
        is_greeting = any(_fills(sentence, language) for language in _languages())
        is_first = is_first and (surest is not Wish.NONE or is_greeting)
    return min(surest, Wish.SPOKEN_OF) if _wants_to_stay(sentences) else surest


def _sentences(lines: Sequence[str]) -> list[str]:
    """Return the first sentences that one person wrote in these lines."""
    text = ""
    for line, following in zip_longest(lines, lines[1:], fillvalue=""):
        text += " ".join(normalize("NFKC", line).split()).replace("'", "’")
        ended = line.rstrip()
        if _SURELY_GOES_ON.search(ended):
            continue
        if not (_GOES_ON.search(ended) and width(line) >= _STORY_COLUMNS):
            text += " " if width(line) >= _WRAPPED_COLUMNS or _goes_on(ended, following) else "\n"
    sentences = (
        one.strip()
        for paragraph in text.split("\n")
        for one in _SENTENCE_END.split(paragraph)
        if one.strip()
    )
    return list(islice(sentences, _SENTENCES))


def _goes_on(line: str, following: str) -> bool:
    """Tell whether a line of words that blanks part goes on in the next, however short it is."""
    first = following.lstrip()[:1]
    return first.islower() and _is_parted_by_blanks(first) and _is_parted_by_blanks(line[-1:])


def _is_parted_by_blanks(letter: str) -> bool:
    """Tell whether a character is a letter of a script that has blanks between words."""
    return letter.isalpha() and unicode_name(letter).startswith(("LATIN", "GREEK", "CYRILLIC"))


def _asked(sentence: str) -> Wish:
    """Return what a sentence says of ending mail; what one language denies none confirms.

    Where a word of leaving is one in several languages, that one is read which names mail, too.
    """
    if any(language.whole.search(sentence) for language in _languages()):
        return Wish.SPOKEN_OF if _QUESTION.search(sentence) else Wish.PLAIN
    speaking = [language for language in _languages() if language.asking.search(sentence)]
    if speaking:
        return min(_asked_in(sentence, language.asking, language) for language in speaking)
    leaving = [language for language in _languages() if language.elsewhere.search(sentence)]
    of_mail = [language for language in leaving if _names_mail(sentence, language)]
    asked = (_asked_in(sentence, language.elsewhere, language) for language in of_mail)
    return min(asked, default=Wish.SPOKEN_OF if leaving else Wish.NONE)


def _names_mail(sentence: str, language: _Language) -> bool:
    """Tell whether a sentence that leaves something leaves mail: it names it, or nothing else."""
    rest = language.elsewhere.sub(" ", sentence)
    return language.mail.search(rest) is not None or _fills(rest, language)


def _leaves_other(sentence: str) -> bool:
    """Tell whether a sentence leaves something that is no mail: a course, a reading, a contract."""
    leaves = any(language.elsewhere.search(sentence) for language in _languages())
    asks = any(language.asking.search(sentence) for language in _languages())
    return leaves and not asks and _asked(sentence) is not Wish.PLAIN


def _asked_in(sentence: str, asking: re.Pattern[str], language: _Language) -> Wish:
    is_question = bool(_QUESTION.search(sentence)) and not language.request.search(sentence)
    if is_question or len(sentence) > _LONGEST_SENTENCE:
        return Wish.SPOKEN_OF
    main = _CONCESSION.split(sentence)[-1]
    clauses = (one for one in _CLAUSE_END.split(main) if one and asking.search(one))
    plain = (not language.contrary.search(asking.sub(" ", clause)) for clause in clauses)
    return Wish.PLAIN if any(plain) else Wish.SPOKEN_OF


def _said_alone(sentence: str, *, is_first: bool) -> Wish:
    """Return what a sentence says that ends something without a word of what.

    It means the mail that it answers where nothing else is spoken of before it.
    """
    if _QUESTION.search(sentence):
        return Wish.NONE
    if any(_says_alone(sentence, language) for language in _languages()):
        return Wish.PLAIN if is_first else Wish.SPOKEN_OF
    last = [clause for clause in _CLAUSE_END.split(sentence) if clause][-1:]
    says = any(_says_alone(clause, language) for clause in last for language in _languages())
    return Wish.SPOKEN_OF if says else Wish.NONE


def _says_alone(text: str, language: _Language) -> bool:
    """Tell whether a text says that something is to end, and nothing else."""
    act = language.alone.search(text)
    return act is not None and _fills(f"{text[: act.start()]} {text[act.end() :]}", language)


def _fills(text: str, language: _Language) -> bool:
    """Tell whether a text says nothing by itself, as greetings and thanks do."""
    return not _WORD.search(language.filling.sub(" ", text))


@cache
def _languages() -> tuple[_Language, ...]:
    """Return the expressions of ``leave_words.toml``, language by language.

    Raises:
        ValueError: The file is not as its head says; the message names the language.
    """
    text = files(__package__).joinpath("leave_words.toml").read_text("utf-8")
    return tuple(_compile(name, table) for name, table in tomllib.loads(text).items())


def _compile(name: str, table: Mapping[str, object]) -> _Language:
    parts = table.get("parts")
    lists = {key: value for key, value in table.items() if key != "parts"}
    wanted = set(_Language.__slots__) - {"mail"}
    if lists.keys() != wanted or not isinstance(parts, dict) or "mail" not in parts:
        raise ValueError(f"leave_words.toml, {name}: {sorted(wanted)}, parts.mail belong there.")
    expressions = {**lists, "mail": [parts["mail"]]}
    return _Language(**{key: _any_of(name, value, parts) for key, value in expressions.items()})


def _any_of(name: str, expressions: object, parts: Mapping[str, str]) -> re.Pattern[str]:
    if not isinstance(expressions, list):
        raise ValueError(f"leave_words.toml, {name}: a list of expressions is what it needs.")  # noqa: TRY004
    text = "|".join(expressions)
    while _PART.search(text):
        text = _PART.sub(lambda match: parts[match[1]], text)
    return re.compile(text, re.IGNORECASE)
