"""Decide whether a sentence of a person's mail asks to be taken off the list, in any wording.

Readers rarely write "unsubscribe": they want no more mails, ask to be taken off, or write "no more,
please". A request consists of an act and its object, listed by language in ``leave_words.toml``. A
question, a condition, a denial or the past tense revokes it: the sentence then only mentions
leaving, and an operator has to read it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib.resources import files
from itertools import islice, zip_longest
from unicodedata import name as unicode_name
from unicodedata import normalize

from newsletter.bounces.addresses import find_addresses
from newsletter.rendering.wrap import width

#: Columns below which a line was ended by its writer; longer lines may have been wrapped.
_WRAPPED_COLUMNS = 55
#: The end of a line of Japanese that was broken within a sentence.
_GOES_ON = re.compile(r"[をにはがのとへ、]$")
#: Line ends that continue even after a short line, as telephones break them. No name or sentence
#: ends so.
_SURELY_GOES_ON = re.compile(
    r"(?:(?<!こんにち)(?<!こんばん)(?<!今日)は|[をがも、て]|(?:ので|から|ですが))$"
)
#: Columns from which a line is a sentence and not a name.
_STORY_COLUMNS = 18
_ENDS = tuple(".!?。!?")
#: Maximum number of sentences that are read: a request is among the first.
_SENTENCES = 40
#: Maximum length of a request, in characters. Longer sentences tell a story.
_LONGEST_SENTENCE = 200
_SENTENCE_END = re.compile(r"(?<=[.!?。;])(?:\s+|(?=[^\x00-\x7fと]))")
#: The end of a clause within a sentence; other clauses do not revoke a request.
_CLAUSE_END = re.compile(
    # In German, a comma parts "stop" from what is to be stopped.
    r"(?:(?<! auf)(?<! damit)(?<!aufhören),|[;:()])(?:\s|(?=[⺀-鿿]))"
    r"|\s[-–—]+\s|、(?=お手数|以後|今後|至急)|(?<=ので)、?|(?<=ため)、|(?<=ですから)、?"
    r"|\b(?:so|because|since|although|therefore)\b|(?<=\S) (?:perch[éè]|weil|parce que|porque)\b",
    re.IGNORECASE,
)
#: Conjunctions between two thoughts, each of which can have an object of its own.
_AND = re.compile(r"\b(?:and|but|und|aber|et|mais|y|pero|en|maar|och|men|og)\b", re.IGNORECASE)
#: The end of a concessive clause ("although …"); only the main clause after it counts.
_CONCESSION = re.compile(r"(?:が|けど|けれども?)[、,]")
#: "List" in any language; it can also be a list of participants.
_LIST = re.compile(r"\b(?:list|lijst|spis\b|списк)|リスト|名簿|名[单單]|명단|목록", re.IGNORECASE)
_PART = re.compile(r"\{([a-z]+)\}")
_WORD = re.compile(r"\w")
_QUESTION = re.compile(r"\?|か[。\s]*$")


class Wish(IntEnum):
    """How clearly somebody asks to leave; a greater value is clearer."""

    NONE = 0
    #: The text mentions leaving, and an operator has to read it.
    MENTIONED = 1
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
    data: re.Pattern[str]


def names_held_data(subject: str, lines: Sequence[str]) -> bool:
    """Return whether a mail names the data held of its writer, which they may want erased."""
    sentences = (subject, *_sentences(lines))
    return any(language.data.search(one) for one in sentences for language in _languages())


def read_mail_wish(subject: str, lines: Sequence[str], known: Collection[str] = ()) -> Wish:
    """Return the clearest wish in a mail's subject and in the text below it.

    A subject such as "Cancellation" may be about a flat or a seat that the text goes on to name. It
    is not a request unless the text asks for an end of mail too. Who names another address than
    those ``known``, which are the writer's and ours, may want the mail there, or write about
    somebody else.
    """
    of_subject, of_lines = read_wish([subject]), read_wish(lines)
    names_mail = any(language.asking.search(subject) for language in _languages())
    if of_lines is not Wish.PLAIN and not names_mail and _has_more_content(lines):
        of_subject = min(of_subject, Wish.MENTIONED)
    surest, sentences = max(of_subject, of_lines), _sentences(lines)
    is_doubtful = _wants_to_stay(sentences) or any(
        _names_another(each, known) for each in (subject, *sentences)
    )
    return min(surest, Wish.MENTIONED) if is_doubtful else surest


def _names_another(sentence: str, known: Collection[str]) -> bool:
    """Return whether a sentence, and not a line of a signature, names an address not known."""
    named = (found.lower() for found in find_addresses(sentence))
    return any(one not in known for one in named) and (
        sentence.endswith(_ENDS) or _wish_of_sentence(sentence) is not Wish.NONE
    )


def _has_more_content(lines: Sequence[str]) -> bool:
    """Return whether lines have content of their own, unlike a greeting with a name below it."""
    return any(
        (width(one) >= _STORY_COLUMNS or one.endswith(_ENDS))
        and not any(_is_filler(one, language) for language in _languages())
        for one in _sentences(lines)
    )


def _wants_to_stay(sentences: Iterable[str]) -> bool:
    return any(language.staying.search(one) for one in sentences for language in _languages())


def read_wish(lines: Sequence[str]) -> Wish:
    """Return the clearest wish in lines that one person wrote."""
    surest, is_first = Wish.NONE, True
    sentences = _sentences(lines)
    for sentence in sentences:
        wish = max(_wish_of_sentence(sentence), _wish_without_object(sentence, is_first=is_first))
        if wish is Wish.PLAIN and _LIST.search(sentence) and any(map(_leaves_other, sentences)):
            # The list can be that of the other thing that the writer leaves.
            wish = Wish.MENTIONED
        surest = max(surest, wish)
        is_greeting = any(_is_filler(sentence, language) for language in _languages())
        is_first = is_first and (surest is not Wish.NONE or is_greeting)
    return min(surest, Wish.MENTIONED) if _wants_to_stay(sentences) else surest


def _sentences(lines: Sequence[str]) -> list[str]:
    """Return the first sentences of lines that one person wrote."""
    text = ""
    for line, following in zip_longest(lines, lines[1:], fillvalue=""):
        text += " ".join(normalize("NFKC", line).split()).replace("'", "’")
        ended = line.rstrip()
        if _SURELY_GOES_ON.search(ended):
            continue
        if not (_GOES_ON.search(ended) and width(line) >= _STORY_COLUMNS):
            text += (
                " "
                if width(line) >= _WRAPPED_COLUMNS or _continues_in_next(ended, following)
                else "\n"
            )
    sentences = (
        one.strip()
        for paragraph in text.split("\n")
        for one in _SENTENCE_END.split(paragraph)
        if one.strip()
    )
    return list(islice(sentences, _SENTENCES))


def _continues_in_next(line: str, following: str) -> bool:
    """Return whether a line, however short, continues in the next, in a script with spaces."""
    first = following.lstrip()[:1]
    return first.islower() and _is_of_spaced_script(first) and _is_of_spaced_script(line[-1:])


def _is_of_spaced_script(letter: str) -> bool:
    """Return whether a character is a letter of a script with spaces between words."""
    return letter.isalpha() and unicode_name(letter, "").startswith(("LATIN", "GREEK", "CYRILLIC"))


def _wish_of_sentence(sentence: str) -> Wish:
    """Return the wish of a sentence to end mail; one language can revoke the wish of another.

    If a word of leaving exists in several languages, the language that also names mail is used.
    """
    if any(language.whole.search(sentence) for language in _languages()):
        return Wish.MENTIONED if _QUESTION.search(sentence) else Wish.PLAIN
    speaking = [language for language in _languages() if language.asking.search(sentence)]
    if speaking:
        wish = min(_wish_in_language(sentence, language.asking, language) for language in speaking)
        is_about_mail = any(_is_about_mail(sentence, language) for language in speaking)
        return wish if is_about_mail else min(wish, Wish.MENTIONED)
    leaving = [language for language in _languages() if language.elsewhere.search(sentence)]
    of_mail = [language for language in leaving if _names_mail(sentence, language)]
    asked = (_wish_in_language(sentence, language.elsewhere, language) for language in of_mail)
    return min(asked, default=Wish.MENTIONED if leaving else Wish.NONE)


def _is_about_mail(sentence: str, language: _Language) -> bool:
    """Return whether a request names mail, in any language, or has no other object.

    "Send me no pictures" names another object. In scripts without spaces, words cannot be told
    apart, so every request there counts as one about mail.
    """
    named = (one for each in _languages() for one in each.mail.finditer(sentence))
    if language.mail.search(sentence) or any(_starts_word(sentence, one) for one in named):
        return True
    clauses = filter(None, _CLAUSE_END.split(sentence))
    thoughts = (one for clause in clauses for one in _AND.split(clause))
    requests = [one for one in thoughts if language.asking.search(one)] or [sentence]
    return any(
        not _is_spaced(one) or _is_filler(language.asking.sub(" ", one), language)
        for one in requests
    )


def _starts_word(text: str, found: re.Match[str]) -> bool:
    """Return whether a match is not the end of a longer word, such as *Teilnehmerliste*."""
    return not text[found.start() - 1 : found.start()].isalpha()


def _is_spaced(text: str) -> bool:
    """Return whether all letters of a text are of scripts with spaces between words."""
    return all(map(_is_of_spaced_script, filter(str.isalpha, text)))


def _names_mail(sentence: str, language: _Language) -> bool:
    """Return whether a sentence leaves mail: it names mail, or names nothing at all."""
    rest = language.elsewhere.sub(" ", sentence)
    return language.mail.search(rest) is not None or _is_filler(rest, language)


def _leaves_other(sentence: str) -> bool:
    """Return whether a sentence leaves something other than mail: a course or a contract."""
    leaves = any(language.elsewhere.search(sentence) for language in _languages())
    asks = any(language.asking.search(sentence) for language in _languages())
    return leaves and not asks and _wish_of_sentence(sentence) is not Wish.PLAIN


def _wish_in_language(sentence: str, asking: re.Pattern[str], language: _Language) -> Wish:
    is_question = bool(_QUESTION.search(sentence)) and not language.request.search(sentence)
    if is_question or len(sentence) > _LONGEST_SENTENCE:
        return Wish.MENTIONED
    main = _CONCESSION.split(sentence)[-1]
    clauses = (one for one in _CLAUSE_END.split(main) if one and asking.search(one))
    plain = (not language.contrary.search(asking.sub(" ", clause)) for clause in clauses)
    return Wish.PLAIN if any(plain) else Wish.MENTIONED


def _wish_without_object(sentence: str, *, is_first: bool) -> Wish:
    """Return the wish of a sentence such as "please stop", which does not name its object.

    Its object is the mail that it answers, if no other topic was mentioned before.
    """
    if _QUESTION.search(sentence):
        return Wish.NONE
    if any(_is_bare_wish(sentence, language) for language in _languages()):
        return Wish.PLAIN if is_first else Wish.MENTIONED
    last = [clause for clause in _CLAUSE_END.split(sentence) if clause][-1:]
    says = any(_is_bare_wish(clause, language) for clause in last for language in _languages())
    return Wish.MENTIONED if says else Wish.NONE


def _is_bare_wish(text: str, language: _Language) -> bool:
    """Return whether a text says that something is to end, and nothing else."""
    act = language.alone.search(text)
    return act is not None and _is_filler(f"{text[: act.start()]} {text[act.end() :]}", language)


def _is_filler(text: str, language: _Language) -> bool:
    """Return whether a text has no content of its own, as with greetings and thanks."""
    return not _WORD.search(language.filling.sub(" ", text))


@cache
def _languages() -> tuple[_Language, ...]:
    """Return the expressions of ``leave_words.toml`` by language.

    Raises:
        ValueError: The file does not follow its own header; the message names the language.
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
