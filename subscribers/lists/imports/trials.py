"""Previews of a list: its columns, a trial import, and the new fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain, islice
from typing import Any

from sqlalchemy import Engine

from newsletter.database.engine import reading
from newsletter.database.vocabulary import FieldType
from newsletter.errors import ListError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, dump_message, load_message
from newsletter.tokens import Pseudonyms
from subscribers.fields.model import Field, field_from_json, field_to_json
from subscribers.fields.store import list_fields
from subscribers.lists.columns.columns import NO_ANSWERS
from subscribers.lists.columns.new_fields import NewFields, find_new_fields
from subscribers.lists.columns.questions import (
    ColumnQuestion,
    QuestionKind,
    exclusions_in,
    is_nameless,
)
from subscribers.lists.columns.validation import ListReader
from subscribers.lists.imports.import_report import (
    CheckedRow,
    ImportReport,
    RefusedRow,
    RowCounts,
    RowResult,
    ValueChange,
)
from subscribers.lists.imports.imports import import_records, refuse_unanswered
from subscribers.lists.imports.uploads import ImportTerms, ListUpload
from subscribers.lists.imports.writing import cell_text
from subscribers.lists.parsers.column_guesses import find_addressed, guess_columns
from subscribers.lists.parsers.encodings import ListEncoding
from subscribers.lists.records import Problem, Record
from subscribers.lists.words.formats import DEFINITIONS, IGNORED, recognise

#: Rows that are checked immediately; workers check longer lists.
TRIED = 20_000
#: Rows of a longer list that are checked immediately to detect invalid terms.
GLANCED = 500
#: Refusals shown on the page.
_SHOWN = 20
_GLANCE = 5
#: Rows shown for each result.
_EXAMPLES = 3
#: Mappings of a column by an answer, after which there are no further questions about it.
_ANSWERED = frozenset({"opt_in", "disabled", "unsubscribed_at", "confirmed_at"})
#: The choice for a column that becomes a new field.
NEW = "+"


@dataclass(frozen=True, kw_only=True, slots=True)
class Glance:
    """A preview of a list.

    Attributes:
        columns: The mapping of each column: `NEW` for a missing field that our own export defines,
            empty for none.
        system: The system that exported the list; empty if unknown.
        questions: The questions about columns.
        encoding: The encoding of the list.
        exclusions: What excludes a row from mail in columns that are not imported, by column.
    """

    columns: Mapping[str, str]
    rows: Sequence[Sequence[str]]
    system: str = ""
    questions: Sequence[ColumnQuestion] = ()
    encoding: ListEncoding
    exclusions: Mapping[str, Message] = field(default_factory=dict)


def new_fields_of(
    engine: Engine, upload: ListUpload, terms: ImportTerms, language: Language
) -> NewFields:
    """Return the new fields for the columns that were chosen for it.

    For a long list, whose values are not all examined, the fields are texts.

    Raises:
        ListError: The list cannot be read, or has no column of addresses.
    """
    if not (terms.new_columns or terms.new_keys):
        return NewFields()
    with reading(engine) as session:
        known = list_fields(session, upload.newsletter_id)
    with upload.records(engine) as records:
        begun = islice(records, TRIED + 1)
        found = find_new_fields(
            begun,
            {**terms.columns, **dict.fromkeys(terms.new_columns, IGNORED)},
            known=known,
            language=language,
            source=upload.name,
            only=terms.new_columns,
            with_keys=terms.new_keys,
        )
        whole = next(records, None) is None
    if whole:
        return found
    texts = (replace(each, type=FieldType.TEXT, options=()) for each in found.fields)
    return replace(found, fields=tuple(texts))


def with_fields(terms: ImportTerms, new: NewFields) -> ImportTerms:
    """Return terms whose columns are mapped to these new fields."""
    return replace(
        terms,
        columns={**terms.columns, **new.columns},
        new_columns=(),
        new_keys=False,
        made_fields=tuple(each.key for each in new.fields),
    )


def look_into(engine: Engine, upload: ListUpload, terms: ImportTerms | None = None) -> Glance:
    """Return a preview from the first rows, and from further rows for the questions.

    Args:
        engine: The database.
        upload: The list.
        terms: The user's terms so far.

    Raises:
        ListError: The list cannot be read.
    """
    chosen = terms.columns if terms else {}
    with reading(engine) as session:
        custom = list_fields(session, upload.newsletter_id)
    with upload.records(engine) as records:
        first = list(islice(records, _GLANCE + 1))
        begun = islice(chain(first, records), TRIED + 1)
        questions = _questions(begun, upload, chosen, custom)
    names = [name for record in first for name in record.names if name]
    asked = {each.column for each in questions}
    filled = {name for record in first for name, cell in record.values.items() if cell}
    # In a list that is not a table, the text after addresses is mostly empty.
    names = [
        name
        for name in dict.fromkeys((*names, *(each.column for each in questions)))
        if not is_nameless(name) or name in filled or name in asked
    ]
    found = guess_columns(names, custom, addressed=find_addressed(first))
    known = recognise(names)
    rows = [
        [cell_text(record.values.get(name)) for name in names]
        for record in first
        if not record.header
    ]
    own = known is not None and known.own
    answers = terms.answers if terms else NO_ANSWERS
    address = next((name for name, ours in {**found, **chosen}.items() if ours == "address"), "")
    return Glance(
        columns={
            name: found.get(name, NEW if own and name != DEFINITIONS else "") for name in names
        },
        rows=rows,
        system=known.name if known else "",
        questions=questions,
        encoding=upload.encoding(engine),
        exclusions=exclusions_in(
            names, address=address, file_name=upload.name, custom=custom, answers=answers
        ),
    )


def _questions(
    records: Iterator[Record],
    upload: ListUpload,
    chosen: Mapping[str, str],
    custom: Sequence[Field],
) -> Sequence[ColumnQuestion]:
    """Return all questions about a list, answered or not, from its beginning and from workers.

    An answer can lead to another question, about the codes in a column of consent.
    """
    begun = list(records)

    def asked(what: Mapping[str, str]) -> Sequence[ColumnQuestion]:
        reader = ListReader(source=upload.name, file_name=upload.name, chosen=what, custom=custom)
        try:
            return reader.questions(iter(begun), TRIED + 1)
        except ListError:
            # The column of addresses is not chosen yet.
            return ()

    others = {name: ours for name, ours in chosen.items() if ours not in _ANSWERED}
    found = asked(others)
    of_codes = (
        [each for each in asked(chosen) if each.kind is QuestionKind.STATES]
        if "opt_in" in chosen.values()
        else []
    )
    # The questions of workers take precedence, since they examined the whole list.
    return tuple({each.column: each for each in (*found, *of_codes, *upload.asked)}.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class ListTrial:
    """The result of a trial import of a list or its beginning.

    Attributes:
        new_fields: The new fields that would be created.
    """

    report: ImportReport
    whole: bool
    new_fields: tuple[Field, ...] = ()

    @property
    def outcome(self) -> Sequence[tuple[RowResult, int, Sequence[CheckedRow]]]:
        """The numbers of rows by result, with the first rows of each."""
        report = self.report
        counts = {
            RowResult.ADDED: report.added - report.returned,
            RowResult.RETURNED: report.returned,
            RowResult.UPDATED: report.updated,
            RowResult.TAGGED: report.tagged,
            RowResult.UNCHANGED: report.unchanged,
            RowResult.REPEATED: report.repeated,
            RowResult.PENDING: report.pending,
            RowResult.LEFT: report.unsubscribed - report.ended,
            RowResult.ENDED: report.ended,
            RowResult.REFUSED: report.refusals,
        }
        first = {
            result: [row for row in report.checked if row.result is result][:_EXAMPLES]
            for result in counts
        }
        return [(result, count, first[result]) for result, count in counts.items() if count]


def try_upload(
    engine: Engine,
    upload: ListUpload,
    terms: ImportTerms,
    *,
    language: Language,
    pseudonyms: Pseudonyms,
    most: int | None = TRIED,
    progress: Callable[[int], None] = lambda _rows: None,
    watch: Callable[[Iterator[Record]], Iterator[Record]] = iter,
) -> ListTrial:
    """Run an import that is rolled back, for a longer list only of its beginning.

    Args:
        engine: The database.
        upload: The list.
        terms: The terms of the import.
        language: The default language of people.
        pseudonyms: Compute the keyed hashes of erased addresses.
        most: The number of rows; None for all.
        progress: Called after each chunk with its number of rows.
        watch: Wraps the records that are examined for questions.

    Raises:
        UnclearColumnError: There are unanswered questions about columns.
        ListError: The list cannot be read, or has no column of addresses.
    """
    new = new_fields_of(engine, upload, terms, language)
    terms = with_fields(terms, new)
    options = replace(upload, terms=terms).options(language, pseudonyms)
    count = None if most is None else most + 1
    options = replace(options, digest="", dry_run=True, new_fields=new.fields)
    options = replace(options, keeps_chunks=most is not None)
    with upload.records(engine) as records:
        begun = watch(islice(records, count))
        options = refuse_unanswered(engine, upload.newsletter_id, begun, options)
    with upload.records(engine) as records:
        begun = islice(records, count)
        report = import_records(engine, upload.newsletter_id, begun, options, progress=progress)
        whole = next(records, None) is None
    return ListTrial(report=report, whole=whole, new_fields=new.fields)


def trial_to_json(trial: ListTrial) -> dict[str, Any]:
    """Return the result of a trial as JSON for `trial_from_json`."""
    report = trial.report
    return {
        "rows": report.records,
        "counts": {each.name: getattr(report, each.name) for each in fields(RowCounts)},
        "refused": [
            (one.line, one.address, dump_message(one.reason)) for one in report.refused[:_SHOWN]
        ],
        "reasons": [
            (dump_message(reason), count) for reason, count in report.reasons.most_common(_SHOWN)
        ],
        "warned": [
            (one.line, one.field, one.value, dump_message(one.problem), one.address)
            for one in report.warned
        ],
        "changes": report.changes,
        "checked": [
            (row.line, row.address, row.result, row.reason and dump_message(row.reason))
            for row in report.checked
        ],
        "new_fields": [field_to_json(each) for each in trial.new_fields],
    }


def trial_from_json(known: Mapping[str, Any]) -> ListTrial | None:
    """Return the result of a finished trial; None if it is not finished."""
    if "counts" not in known:
        return None
    report = ImportReport(
        **known["counts"],
        refused=[
            RefusedRow(line=line, address=address, reason=load_message(reason))
            for line, address, reason in known["refused"]
        ],
        reasons=Counter({load_message(reason): count for reason, count in known["reasons"]}),
        warned=[
            Problem(
                line=line,
                field=name,
                value=value,
                problem=load_message(problem),
                address=address,
                taken=True,
            )
            for line, name, value, problem, address in known["warned"]
        ],
        changes=[ValueChange(*each) for each in known["changes"]],
        checked=[
            CheckedRow(line, address, RowResult(result), load_message(reason) if reason else None)
            for line, address, result, reason in known.get("checked", ())
        ],
    )
    new = tuple(field_from_json(each) for each in known["new_fields"])
    return ListTrial(report=report, whole=True, new_fields=new)
