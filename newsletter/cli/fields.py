"""``newsletter field``: the fields of a newsletter's people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.cli.language import gettext as _
from newsletter.cli.language import label as word
from newsletter.cli.language import labelled, ngettext, pgettext, terminal_language
from newsletter.cli.prompts import confirm
from newsletter.cli.state import (
    As,
    Json,
    NewsletterName,
    changing,
    open_newsletter,
    reading_newsletter,
)
from newsletter.database.vocabulary import FieldType
from newsletter.errors import ListError
from newsletter.i18n.messages import msg

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from subscribers.fields.model import Field, Option

app = typer.Typer(
    no_args_is_help=True, help="Fields of subscribers and topics (docs/subscribers.md)."
)

_Labels = Annotated[list[str] | None, typer.Option("--label", help="Its label: ja=市区町村.")]
_Options = Annotated[list[str] | None, typer.Option("--option", help="A value to choose from.")]
_OptionLabels = Annotated[
    list[str] | None, typer.Option(help="The label of an option: paid:ja=有料.")
]
_Descriptions = Annotated[
    list[str] | None, typer.Option(help="The description of an option, for readers: paid:ja=….")
]
_Required = Annotated[
    bool | None, typer.Option("--required/--optional", help="Whether forms require it.")
]
_Asked = Annotated[
    bool | None, typer.Option("--ask/--no-ask", help="Whether it is asked on joining.")
]
_Changed = Annotated[
    bool | None, typer.Option("--readers/--no-readers", help="Whether readers may change theirs.")
]
_Purpose = Annotated[str | None, typer.Option(help="What it is kept for; readers see it.")]
_Retention = Annotated[
    int | None,
    typer.Option(help="Days after unsubscribing until values are deleted; 0 for never."),
]


@app.command("list")
def list_all(context: typer.Context, newsletter: NewsletterName = None, json: Json = False) -> None:
    """List the fields in their order."""
    from rich.table import Table

    from newsletter.cli.console import console, print_json
    from subscribers.fields.model import field_to_json
    from subscribers.fields.store import list_fields

    with reading_newsletter(context, newsletter) as (session, found):
        fields = list_fields(session, found.id)
    if json:
        print_json(list(map(field_to_json, fields)))
        return
    language = terminal_language()
    table = Table(
        _("Key"),
        pgettext("field", "Label"),
        pgettext("field", "Type"),
        pgettext("field", "Options"),
        box=None,
    )
    for field in fields:
        table.add_row(
            field.key,
            field.label(language),
            word(field.type),
            ", ".join(option.label(language) for option in field.options),
        )
    console.print(table if fields else _("There is no field yet."))


@app.command()
def add(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="Its name in segments and lists; topic for topics.")],
    kind: Annotated[FieldType, typer.Option("--type")] = FieldType.TEXT,
    label: _Labels = None,
    option: _Options = None,
    option_label: _OptionLabels = None,
    description: _Descriptions = None,
    required: _Required = None,
    ask: _Asked = None,
    readers: _Changed = None,
    purpose: _Purpose = None,
    retention_days: _Retention = None,
    newsletter: NewsletterName = None,
    as_: As = None,
) -> None:
    """Add a field."""
    from subscribers.fields.actions import add_field
    from subscribers.fields.model import Field

    with changing(context, newsletter, as_, Action.FIELD_ADD) as (opened, session):
        field = Field(
            key=key,
            type=kind,
            labels=_by_language(label),
            options=_options(option or [], (), option_label, description),
            required=bool(required),
            ask_on_joining=bool(ask),
            reader_may_change=bool(readers),
            purpose=purpose or "",
            retention_days=retention_days or None,
        )
        _print(add_field(session, opened.actor, opened.newsletter.id, field))


@app.command()
def change(
    context: typer.Context,
    key: str,
    kind: Annotated[FieldType | None, typer.Option("--type")] = None,
    label: _Labels = None,
    option: _Options = None,
    option_label: _OptionLabels = None,
    description: _Descriptions = None,
    required: _Required = None,
    ask: _Asked = None,
    readers: _Changed = None,
    purpose: _Purpose = None,
    retention_days: _Retention = None,
    first: Annotated[bool, typer.Option("--first", help="Put it before all others.")] = False,
    newsletter: NewsletterName = None,
    as_: As = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Change a field; what is not named stays. Options that are named replace those there are."""
    from dataclasses import replace

    from newsletter.database.engine import reading, transaction
    from subscribers.fields.actions import change_field, order_fields
    from subscribers.fields.purging import count_values
    from subscribers.fields.store import find_field

    opened = open_newsletter(context, newsletter, as_, Action.FIELD_CHANGE)
    with reading(opened.engine) as session:
        before = find_field(session, opened.newsletter.id, key)
        names = [each.value for each in before.options] if option is None else option
        options = _options(names, before.options, option_label, description)
        removed = [each for each in before.options if each.value not in names]
        lost = {
            each.value: count_values(session, opened.newsletter.id, key, each.value)
            for each in removed
        }
    changes: dict[str, Any] = {
        "type": kind,
        "required": required,
        "ask_on_joining": ask,
        "reader_may_change": readers,
        "purpose": purpose,
    }
    field = replace(
        before,
        labels={**before.labels, **_by_language(label)},
        options=options,
        retention_days=before.retention_days if retention_days is None else retention_days or None,
        **{name: value for name, value in changes.items() if value is not None},
    )
    for value, count in lost.items():
        if count and not yes:
            question = ngettext(
                "Remove “{value}”, which {count} person chose?",
                "Remove “{value}”, which {count} people chose?",
                count,
                value=value,
            )
            confirm(question, option="--yes")
    with transaction(opened.engine) as session:
        _print(change_field(session, opened.actor, opened.newsletter.id, field))
        if first:
            order_fields(session, opened.actor, opened.newsletter.id, [key])
    if lost:
        _purge(opened.engine)


@app.command()
def remove(
    context: typer.Context,
    key: str,
    newsletter: NewsletterName = None,
    as_: As = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a field and what everybody has in it."""
    from newsletter.cli.console import console
    from newsletter.database.engine import reading, transaction
    from subscribers.fields.actions import delete_field
    from subscribers.fields.purging import count_values
    from subscribers.fields.store import find_field

    opened = open_newsletter(context, newsletter, as_, Action.FIELD_DELETE)
    with reading(opened.engine) as session:
        find_field(session, opened.newsletter.id, key)
        count = count_values(session, opened.newsletter.id, key)
    if not yes:
        question = ngettext(
            "Delete the field “{key}” and the values of {count} person?",
            "Delete the field “{key}” and the values of {count} people?",
            count,
            key=key,
        )
        confirm(question, option="--yes")
    with transaction(opened.engine) as session:
        count = delete_field(session, opened.actor, opened.newsletter.id, key)
    _purge(opened.engine)
    console.print(ngettext("{count} value deleted", "{count} values deleted", count))


def _purge(engine: Engine) -> None:
    """Delete values immediately, as users of a command expect, and not later by a worker."""
    from subscribers.fields.purging import purge_removed

    purge_removed(engine)


def _print(field: Field) -> None:
    from newsletter.cli.console import console

    console.print(labelled(f"field.{field.key}", field.label(terminal_language())))


def _by_language(given: Sequence[str] | None) -> dict[str, str]:
    by_language = {}
    for text in given or ():
        tag, equals, words = text.partition("=")
        if not equals:
            raise ListError(
                msg("“{text}” is not a label.", text=text),
                remedy=msg("Write {example}.", example="ja=市区町村"),
            )
        by_language[tag.strip()] = words
    return by_language


def _options(
    values: Sequence[str],
    known: Sequence[Option],
    labels: Sequence[str] | None,
    descriptions: Sequence[str] | None,
) -> tuple[Option, ...]:
    from dataclasses import replace

    from subscribers.fields.model import Option

    before = {option.value: option for option in known}
    by_value = {value: before.get(value, Option(value=value)) for value in values}
    for part, given in (("labels", labels), ("descriptions", descriptions)):
        for text in given or ():
            named = re.fullmatch(r"(.+):([A-Za-z-]+)=(.*)", text, re.DOTALL)
            if named is None or named[1] not in by_value:
                raise ListError(
                    msg("“{text}” names none of the options.", text=text),
                    remedy=msg("Write {example}.", example="OPTION:ja=…"),
                )
            option = by_value[named[1]]
            words: dict[str, Any] = {part: {**getattr(option, part), named[2]: named[3]}}
            by_value[named[1]] = replace(option, **words)
    return tuple(by_value.values())
