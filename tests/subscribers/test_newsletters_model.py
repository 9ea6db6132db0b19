"""Newsletters beside one another as a machine: what one does of its people, no other has.

Hypothesis orders what staff, lists and intake do in one of three newsletters, of which two share
the fields of their people. What the others hold is looked at before and after each step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import Engine, func, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.roles import ALL_RIGHTS
from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    FieldRow,
    ListImportRow,
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.errors import ConflictError
from newsletter.feedback.attribution import Keys
from newsletter.feedback.consequences import act_on_new_bounces
from newsletter.feedback.mail import take_mail
from newsletter.feedback.waves import WaveRule
from newsletter.i18n.language import Language
from newsletter.mailings.planning.links import refer
from newsletter.message.identifiers import return_path
from newsletter.newsletters.publications import create_newsletter, find_newsletter
from newsletter.tokens import Pseudonyms, TokenSigner
from subscribers.actions import lift_person, suppress_person, undo_list_import, unsubscribe_person
from subscribers.editing import edit_person, known_draft
from subscribers.fields.actions import change_field
from subscribers.joining import Origin, subscribe
from subscribers.lists.exports.exports import exported
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.imports.undo import undo_import
from subscribers.lists.records import Record
from subscribers.merging.making import MergeOrder, merge_people
from subscribers.people import find_or_add_person
from subscribers.tagging import TagChange, tag_people
from tests.feedback.letters import complaint, notice
from tests.support.databases import each_database
from tests.support.fields import CITY, set_fields
from tests.support.soak import SOAK
from tests.support.stage import DRAFT, Stage, set_stage

EXAMPLES = 60 if SOAK else 3
STEPS = 25 if SOAK else 14
_PEOPLE = 3
_KEY = b"k" * 40
_KEYS = Keys(signer=TokenSigner([_KEY]), message_id_key=_KEY)
_NO_WAVES = WaveRule(minimum=10**6)
_OWN, _SISTER, _STRANGER = "digest", "sister", "stranger"
#: Whose people have the same in their fields.
_GROUPS = {_OWN: {_OWN, _SISTER}, _SISTER: {_OWN, _SISTER}, _STRANGER: {_STRANGER}}
_SLUGS = st.sampled_from(sorted(_GROUPS))
_names = count(1)
#: What a newsletter alone knows of its people; their fields are its group's.
_Held = dict[str, Any]


class Neighbours(RuleBasedStateMachine):
    """Three newsletters and a few addresses that may be on any of their lists."""

    stage: Stage
    numbers: dict[str, int]

    def __init__(self) -> None:
        super().__init__()
        self.engine = self.stage.engine
        names = [f"neighbour{next(_names)}@example.jp" for _ in range(_PEOPLE)]
        self.people = {}
        with transaction(self.engine) as session:
            for name in names:
                self.people[name] = find_or_add_person(session, parse_address(name)).id
        for slug in _GROUPS:
            self._join(slug, names[0])

    def _held(self, slug: str) -> _Held:
        """Return all that a newsletter has of these people, and what its fields are."""
        number = self.numbers[slug]
        mine = (SubscriptionRow.newsletter_id == number, SubscriberRow.id.in_(self.people.values()))
        with reading(self.engine) as session:
            rows = session.scalars(
                select(SubscriptionRow)
                .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
                .where(*mine)
            ).all()
            tags = select(TagRow.subscriber_id, TagRow.tag).where(TagRow.newsletter_id == number)
            barred = select(SuppressionRow.address_key, SuppressionRow.reason).where(
                SuppressionRow.newsletter_id == number
            )
            group = session.get_one(NewsletterRow, number).group_id
            fields = select(FieldRow.key, FieldRow.labels).where(FieldRow.group_id == group)
            columns = [each.key for each in SubscriptionRow.__mapper__.columns]
            return {
                "people": {
                    row.subscriber_id: {name: getattr(row, name) for name in columns}
                    for row in rows
                },
                "tags": Counter(map(tuple, session.execute(tags).all())),
                "barred": Counter(map(tuple, session.execute(barred).all())),
                "fields": {key: dict(labels) for key, labels in session.execute(fields)},
            }

    @contextmanager
    def _alone(self, slug: str) -> Iterator[int]:
        """Let something be done in a newsletter: of all others nothing changes, but shared fields.

        What is in the fields of somebody is changed in all that share them.
        """
        others = {each: self._held(each) for each in _GROUPS if each != slug}
        yield self.numbers[slug]
        for each, before in others.items():
            after = self._held(each)
            if each in _GROUPS[slug]:
                for held in (before, after):
                    held.pop("fields")
                    for person in held["people"].values():
                        for name in ("attributes", "changed_at"):
                            person.pop(name)
            assert after == before, each

    def _of_group(self, slug: str) -> dict[str, _Held]:
        return {each: self._held(each) for each in _GROUPS if each not in _GROUPS[slug]}

    def _join(self, slug: str, address: str) -> None:
        with self._alone(slug) as number, transaction(self.engine) as session:
            subscribe(
                session,
                newsletter_id=number,
                subscriber_id=self.people[address],
                origin=Origin(
                    source="test", network="", wording="同意", language=Language.JAPANESE
                ),
            )

    def _draw(self, data: st.DataObject, slug: str) -> int | None:
        """Return somebody on a newsletter's list, if there is anybody."""
        people = sorted(self._held(slug)["people"])
        return data.draw(st.sampled_from(people)) if people else None

    @rule(data=st.data(), slug=_SLUGS)
    def joins(self, data: st.DataObject, slug: str) -> None:
        self._join(slug, data.draw(st.sampled_from(sorted(self.people))))

    @rule(data=st.data(), slug=_SLUGS)
    def leaves(self, data: st.DataObject, slug: str) -> None:
        if (person := self._draw(data, slug)) is None:
            return
        with self._alone(slug) as number, transaction(self.engine) as session:
            unsubscribe_person(
                session, COMMAND_LINE, person, newsletter_ids=[number], reason="asked"
            )

    @rule(data=st.data(), slug=_SLUGS, city=st.sampled_from(["千葉", "横浜", ""]))
    def is_edited(self, data: st.DataObject, slug: str, city: str) -> None:
        if (person := self._draw(data, slug)) is None:
            return
        with self._alone(slug) as number, transaction(self.engine) as session:
            draft = known_draft(session, number, person)
            draft = replace(draft, name=f"{slug}の人", language="en", values={"city": city})
            edit_person(session, COMMAND_LINE, number, person, draft)

    @rule(slug=_SLUGS, given=st.booleans())
    def all_are_tagged(self, slug: str, given: bool) -> None:  # noqa: FBT001 - as it is drawn
        with self._alone(slug) as number, transaction(self.engine) as session:
            people = {*self.people.values()}
            tag_people(session, COMMAND_LINE, number, TagChange(tag="press", given=given), people)

    @rule(slug=_SLUGS, state=st.sampled_from([None, "unsubscribed", "bounced"]))
    def a_list_is_imported(self, slug: str, state: str | None) -> None:
        with self._alone(slug):
            self._import(slug, state)

    @rule(slug=_SLUGS)
    def a_list_is_imported_by_mistake(self, slug: str) -> None:
        with self._alone(slug) as number:
            self._import(slug, None)
            with transaction(self.engine) as session:
                last = session.scalars(select(func.max(ListImportRow.id))).one()
                undo_list_import(session, COMMAND_LINE, number, last)
            assert undo_import(self.engine, last)

    def _import(self, slug: str, state: str | None) -> None:
        rows = [
            {"email": address, "name": "名簿", "city": "成田", "tags": slug, "state": state}
            for address in self.people
        ]
        options = ImportOptions(
            source="l.csv",
            basis="form",
            update=True,
            digest=f"list {next(_names)}",
            pseudonyms=Pseudonyms([_KEY]),
        )
        records = (
            Record(line, names, [row[name] for name in names])
            for line, row in enumerate(rows, 2)
            for names in [tuple(name for name in row if row[name] is not None)]
        )
        import_records(self.engine, self.numbers[slug], records, options)

    @rule(data=st.data(), slug=_SLUGS)
    def is_suppressed_or_lifted(self, data: st.DataObject, slug: str) -> None:
        if (person := self._draw(data, slug)) is None:
            return
        barred = self._held(slug)["barred"]
        with self._alone(slug) as number, transaction(self.engine) as session:
            if barred:
                lift_person(
                    session, COMMAND_LINE, number, person, reason="asked", rights=ALL_RIGHTS
                )
            else:
                suppress_person(session, COMMAND_LINE, number, person, reason="asked")

    @rule(data=st.data(), slug=_SLUGS, complains=st.booleans())
    def mail_comes_back(
        self,
        data: st.DataObject,
        slug: str,
        complains: bool,  # noqa: FBT001 - as it is drawn
    ) -> None:
        """A complaint is about the newsletter; that the address takes none, about the address."""
        if (person := self._draw(data, slug)) is None:
            return
        address = next(name for name, number in self.people.items() if number == person)
        with self._alone(slug) as number:
            with reading(self.engine) as session:
                ref = refer(session, number, person)
            path = return_path(_KEYS.signer, "bounces@example.jp", ref)
            mark = str(next(_names))
            report = (complaint if complains else notice)(path, about=address, mark=mark)
            take_mail(self.engine, report, _KEYS, envelope_to=path, is_for_us=True)
            assert act_on_new_bounces(self.engine, _KEYS, rule=_NO_WAVES) == 1

    @rule(data=st.data(), slug=_SLUGS)
    def merges_people(self, data: st.DataObject, slug: str) -> None:
        """Who is one in a group is still two in another."""
        kept, merged = self._draw(data, slug), self._draw(data, slug)
        if kept is None or merged is None or kept == merged:
            return
        others = self._of_group(slug)
        order = MergeOrder(kept_id=kept, merged_id=merged)
        with suppress(ConflictError), transaction(self.engine) as session:
            merge_people(session, COMMAND_LINE, self.numbers[slug], order)
        assert self._of_group(slug) == others

    @rule(slug=_SLUGS)
    def a_field_is_changed(self, slug: str) -> None:
        label = f"町{next(_names)}"
        with self._alone(slug) as number, transaction(self.engine) as session:
            change_field(session, COMMAND_LINE, number, replace(CITY, labels={"ja": label}))
        assert {self._held(each)["fields"]["city"]["ja"] for each in _GROUPS[slug]} == {label}

    @invariant()
    def those_who_share_fields_have_the_same_in_them(self) -> None:
        own, sister = self._held(_OWN)["people"], self._held(_SISTER)["people"]
        for person in own.keys() & sister.keys():
            assert own[person]["attributes"] == sister[person]["attributes"]

    def teardown(self) -> None:
        """A list that is exported names those on it alone, with the tags that they have there."""
        for slug, number in self.numbers.items():
            with reading(self.engine) as session:
                newsletter = session.get_one(NewsletterRow, number)
            held = self._held(slug)
            named = {one["email"]: one["tags"] for one in exported(self.engine, newsletter)}
            for address, person in self.people.items():
                assert (address in named) == (person in held["people"])
                tags = {tag for owner, tag in held["tags"] if owner == person}
                assert {*named.get(address, tags)} == tags


@each_database
def test_newsletters_have_nothing_of_one_anothers_people_but_shared_fields(engine: Engine) -> None:
    prepared = set_stage(engine)
    with transaction(engine) as session:
        own = find_newsletter(session, _OWN)
        for slug, sharing in ((_SISTER, own), (_STRANGER, None)):
            create_newsletter(session, replace(DRAFT, slug=slug, name=slug), sharing=sharing)
        found = {slug: find_newsletter(session, slug).id for slug in _GROUPS}
    for slug in (_OWN, _STRANGER):
        set_fields(engine, found[slug], CITY)

    class OnThisDatabase(Neighbours):
        stage = prepared
        numbers = found

    run_machine(
        OnThisDatabase,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=[Phase.generate],
            derandomize=not SOAK,
            suppress_health_check=list(HealthCheck),
        ),
    )
