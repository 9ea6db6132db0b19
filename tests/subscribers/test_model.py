"""The states of a list's people as a machine: whatever is done in whatever order, who gets mail.

Hypothesis orders what readers, staff and lists do, against the real functions; beside them runs a
model of each address that knows the rules alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import Engine, func, select

from newsletter.accounts.audit import COMMAND_LINE, READER
from newsletter.accounts.roles import ALL_RIGHTS
from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import Base, ListImportRow, SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import SubscriptionState, UnsubscribeWay
from newsletter.errors import ConflictError, NotFoundError
from newsletter.feedback.attribution import Keys
from newsletter.feedback.consequences import act_on_new_bounces
from newsletter.feedback.mail import Taken, take_mail
from newsletter.feedback.waves import WaveRule
from newsletter.i18n.language import Language
from newsletter.mailings.planning.audience import audience_of
from newsletter.mailings.planning.links import refer
from newsletter.message.identifiers import return_path
from newsletter.newsletters.publications import find_newsletter
from newsletter.tokens import Pseudonyms, Purpose, TokenSigner
from subscribers.actions import (
    erase_person,
    lift_person,
    suppress_person,
    undo_list_import,
    unsubscribe_person,
)
from subscribers.address_changes import (
    find_change,
    make_change,
    numbers_of_change,
    request_change,
    undo_change,
)
from subscribers.forgetting import forget_unconfirmed
from subscribers.joining import Origin, confirm_join, request_join
from subscribers.leaving import unsubscribe
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.imports.undo import undo_import
from subscribers.lists.records import Record
from subscribers.merging.making import MergeOrder, merge_people
from subscribers.preferences import pause
from tests.feedback.letters import complaint, notice
from tests.subscribers.standing import Change, Request, Standing
from tests.support.databases import each_database
from tests.support.series import join
from tests.support.soak import SOAK
from tests.support.stage import Stage, set_stage

EXAMPLES = 100 if SOAK else 5
STEPS = 25 if SOAK else 15
_PEOPLE = 4
_SIGNER = TokenSigner([b"k" * 40])
_PSEUDONYMS = Pseudonyms([b"k" * 40])
_ORIGIN = Origin(source="form", network="", wording="同意", language=Language.JAPANESE)
_LIST_STATES = [None, "", "unsubscribed", "pending", "bounced"]
_KEYS = Keys(signer=_SIGNER, message_id_key=b"k" * 40)
#: Reports follow one another faster than any list's: they are no wave.
_NO_WAVES = WaveRule(minimum=10**6)
_names = count(1)
_C, _P, _U = (
    SubscriptionState.CONFIRMED,
    SubscriptionState.PENDING,
    SubscriptionState.UNSUBSCRIBED,
)


class People(RuleBasedStateMachine):
    """One newsletter and a few addresses."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.engine = self.stage.engine
        self.newsletter_id = self.stage.newsletter_id
        self.people = {f"person{next(_names)}@example.jp": Standing() for _ in range(_PEOPLE)}
        self._clock = count(1)
        for address in [*self.people][1:]:
            join(self.engine, address)
            self.people[address].begins(next(self._clock))
        self._has_left_and_is_suppressed([*self.people][-1])
        #: Changes of address in their order.
        self.changes: list[Change] = []
        self.requests: list[Request] = []
        #: Who was merged into whom.
        self.merges: list[tuple[str, str]] = []

    def _has_left_and_is_suppressed(self, address: str) -> None:
        number, one = self.stage.subscriber_id(address), self.people[address]
        with transaction(self.engine) as session:
            unsubscribe_person(
                session, COMMAND_LINE, number, newsletter_ids=[self.newsletter_id], reason="asked"
            )
            suppress_person(session, COMMAND_LINE, self.newsletter_id, number, reason="asked")
        one.ends(next(self._clock))
        one.suppressed = True

    def _draw(self, data: st.DataObject) -> tuple[str, Standing]:
        address = data.draw(st.sampled_from(sorted(self.people)))
        return address, self.people[address]

    @rule(data=st.data())
    def joins(self, data: st.DataObject) -> None:
        address, one = self._draw(data)
        join(self.engine, address)
        if not one.barred and one.state is not _C:
            one.begins(next(self._clock))

    @rule(data=st.data())
    def asks_to_join(self, data: st.DataObject) -> None:
        """Anybody can type anybody's address: of who is known nothing changes."""
        address, one = self._draw(data)
        with transaction(self.engine) as session:
            newsletter = find_newsletter(session, "digest")
            asked = request_join(
                session, newsletter, parse_address(address), name="", origin=_ORIGIN
            )
            link = _SIGNER.sign(Purpose.CONFIRM, *asked.numbers)
        self.requests.append(Request(address, next(self._clock), link))
        if one.state is None:
            one.state, one.asked = _P, True

    @rule(data=st.data())
    def confirms(self, data: st.DataObject) -> None:
        """The link of any request, until they left after it, were erased or forgotten."""
        if not self.requests:
            return
        request = data.draw(st.sampled_from(self.requests))
        one = self.people[request.address]
        try:
            with transaction(self.engine) as session:
                confirm_join(session, _SIGNER, request.link, days=7, source="page", network="")
        except NotFoundError:
            assert not request.is_known
            return
        assert request.is_known
        has_left_since = one.state is _U and one.left_at > request.at
        if one.state is not _C and not one.barred and not has_left_since:
            one.begins(next(self._clock))

    @rule()
    def the_unconfirmed_are_forgotten(self) -> None:
        with transaction(self.engine) as session:
            forget_unconfirmed(session, days=0)
        for address in [address for address, one in self.people.items() if one.asked]:
            one = self.people[address]
            self.people[address] = Standing(suppressed=one.suppressed, bounced=one.bounced)
            self._is_unknown([address])

    def _is_unknown(self, gone: Sequence[str]) -> None:
        """Nobody is behind what was recorded of addresses any more."""
        self.changes = [one for one in self.changes if not {one.former, one.later} & {*gone}]
        self.merges = [pair for pair in self.merges if not {*pair} & {*gone}]
        for request in self.requests:
            request.is_known &= request.address not in gone

    @rule(data=st.data(), weeks=st.integers(0, 2))
    def pauses(self, data: st.DataObject, weeks: int) -> None:
        address, one = self._draw(data)
        if one.state is None:
            return
        with transaction(self.engine) as session:
            pause(session, self.stage.subscriber_id(address), weeks=weeks)
        if one.state is _C:
            one.paused = weeks > 0

    @rule(data=st.data())
    def is_unsubscribed(self, data: st.DataObject) -> None:
        address, one = self._draw(data)
        if one.state is None:
            return
        with transaction(self.engine) as session:
            number = self.stage.subscriber_id(address)
            unsubscribe_person(
                session, COMMAND_LINE, number, newsletter_ids=[self.newsletter_id], reason="asked"
            )
        one.ends(next(self._clock))

    @rule(data=st.data())
    def leaves_by_an_old_mail(self, data: st.DataObject) -> None:
        address, one = self._draw(data)
        if one.state is None:
            return
        with transaction(self.engine) as session:
            unsubscribe(
                session,
                newsletter_id=self.newsletter_id,
                subscriber_id=self.stage.subscriber_id(address),
                mailing_id=None,
                way=UnsubscribeWay.ONE_CLICK,
            )
        self._leaves_by_page(address)

    @rule(data=st.data())
    def is_suppressed_or_lifted(self, data: st.DataObject) -> None:
        address, one = self._draw(data)
        if one.state is None:
            return
        number = self.stage.subscriber_id(address)
        with transaction(self.engine) as session:
            whom = (session, COMMAND_LINE, self.newsletter_id, number)
            if one.barred:
                lift_person(*whom, reason="asked", rights=ALL_RIGHTS)
            else:
                suppress_person(*whom, reason="asked")
        one.suppressed, one.bounced = not one.barred, False

    @rule(data=st.data())
    def mail_comes_back(self, data: st.DataObject) -> None:
        """What a notice says is about the address alone, for all newsletters."""
        address, one = self._draw(data)
        if one.state is None:
            return
        self._returns(address, lambda path: notice(path, about=address, mark=str(next(_names))))
        one.bounced = True

    @rule(data=st.data())
    def complains(self, data: st.DataObject) -> None:
        """A complaint ends the subscription of the address that it came from, and bars it."""
        address, one = self._draw(data)
        if one.state is None:
            return
        self._returns(address, lambda path: complaint(path, about=address, mark=str(next(_names))))
        one.suppressed = True
        if one.state is not _U:
            one.ends(next(self._clock))

    def _returns(self, address: str, report: Callable[[str], bytes]) -> None:
        """Let a report on somebody's mail come to its return path, and be judged."""
        with reading(self.engine) as session:
            number = self.stage.subscriber_id(address)
            ref = refer(session, self.newsletter_id, number)
        path = return_path(_SIGNER, "bounces@example.jp", ref)
        taken = take_mail(self.engine, report(path), _KEYS, envelope_to=path, is_for_us=True)
        assert taken is Taken.LOGGED
        act_on_new_bounces(self.engine, _KEYS, rule=_NO_WAVES)

    @rule(data=st.data())
    def is_erased(self, data: st.DataObject) -> None:
        address, one = self._draw(data)
        if one.state is None:
            return
        with transaction(self.engine) as session:
            number = self.stage.subscriber_id(address)
            erase_person(session, READER, number, _PSEUDONYMS, way=UnsubscribeWay.PAGE)
        gone = [address, *self._former(address)]
        for each in gone:
            self._leaves_by_page(each)
        for each in gone:
            self.people[each] = Standing(erased=True)
        self._is_unknown(gone)

    def _former(self, address: str) -> list[str]:
        changes = [(one.former, one.later) for one in self.changes]
        return self._before(address, [*changes, *self.merges])

    def _before(self, address: str, pairs: list[tuple[str, str]]) -> list[str]:
        met = [address]
        for each in met:
            met += [a for a in self.people if (a, each) in pairs and a not in met]
        return met[1:]

    def _leaves_by_page(self, address: str) -> None:
        """A page that an old mail leads to leaves at the address of today, too."""
        met = [address]
        for each in met:
            if self.people[each].state is not None:
                self.people[each].ends(next(self._clock))
            later = [one.later for one in self.changes if one.former == each][-1:]
            later += [to for former, to in self.merges if former == each]
            met += [to for to in dict.fromkeys(later) if to not in met]

    def _import(self, rows: Sequence[dict[str, str]]) -> None:
        options = ImportOptions(
            source="l.csv",
            basis="form",
            update=True,
            digest=f"list {next(_names)}",
            pseudonyms=_PSEUDONYMS,
        )
        records = (
            Record(line, tuple(row), tuple(row.values())) for line, row in enumerate(rows, 2)
        )
        import_records(self.engine, self.newsletter_id, records, options)

    @rule(data=st.data(), state=st.sampled_from(_LIST_STATES))
    def is_on_a_list(self, data: st.DataObject, state: str | None) -> None:
        """A list adds whom nobody knows; it ends subscriptions, and begins none that ended.

        One that has states and says none of somebody, changes nothing of theirs.
        """
        address, one = self._draw(data)
        self._import([{"email": address} | ({} if state is None else {"state": state})])
        if state == "" or self._is_refused(one, state):
            return
        if state == "bounced":
            one.suppressed = True
        if one.state is None:
            one.state = SubscriptionState({"bounced": "unsubscribed"}.get(state or "", state or _C))
            one.left_at = next(self._clock)
        elif state in {"unsubscribed", "bounced"}:
            one.ends(next(self._clock))

    @rule(data=st.data())
    def is_on_a_list_with_a_consent_of_today(self, data: st.DataObject) -> None:
        """It brings back who left before, and confirms who only asked; but nobody suppressed."""
        address, one = self._draw(data)
        self._import([{"email": address, "consented_at": datetime.now(UTC).isoformat()}])
        if self._is_refused(one, None) or one.state is _C:
            return
        one.state, one.moved, one.asked, one.by_change = _C, False, False, ""

    def _is_refused(self, one: Standing, state: str | None) -> bool:
        if one.erased and one.state is None and not one.named:
            return True
        return state is None and one.barred

    @rule(state=st.sampled_from(_LIST_STATES))
    def is_on_a_list_by_mistake(self, state: str | None) -> None:
        """An import of everybody that is undone has changed nothing."""
        more = {} if state is None else {"state": state}
        self._import([{"email": address} | more for address in self.people])
        with transaction(self.engine) as session:
            number = session.scalars(select(func.max(ListImportRow.id))).one()
            undo_list_import(session, COMMAND_LINE, self.newsletter_id, number)
        assert undo_import(self.engine, number)

    @rule(data=st.data())
    def changes_address(self, data: st.DataObject) -> None:
        (address, one), (wanted, other) = self._draw(data), self._draw(data)
        if one.state is None or address == wanted:
            return
        with transaction(self.engine) as session:
            number = self.stage.subscriber_id(address)
            row = request_change(session, self.newsletter_id, number, parse_address(wanted))
            numbers = numbers_of_change(row)
            token = _SIGNER.sign(Purpose.ADDRESS_CHANGE, *numbers)
            change = find_change(session, _SIGNER, Purpose.ADDRESS_CHANGE, token, days=7)
            make_change(session, change, network="")
        link = _SIGNER.sign(Purpose.ADDRESS_CHANGE_UNDO, *numbers)
        moved = one.state is _C and not other.barred
        self.changes.append(Change(address, wanted, link, moved))
        other.named = True
        if moved:
            if other.state is not _C:
                other.begins(next(self._clock))
                other.paused, other.by_change = one.paused, link
            one.ends(next(self._clock), moved=True)

    @rule(data=st.data())
    def takes_the_old_address_back(self, data: st.DataObject) -> None:
        """What the new address left meanwhile stays left, and what it had before is its own."""
        if not self.changes:
            return
        made = data.draw(st.sampled_from(self.changes))
        one, other = self.people[made.former], self.people[made.later]
        with transaction(self.engine) as session:
            purpose = Purpose.ADDRESS_CHANGE_UNDO
            change = find_change(session, _SIGNER, purpose, made.link, days=7)
            assert undo_change(session, change, network="")
        self.changes.remove(made)
        if not made.moved or other.state is not _C:
            return
        came_along, paused = other.by_change == made.link, other.paused
        if one.state is not _C and not one.barred:
            one.begins(next(self._clock))
            one.paused = came_along and paused
        if came_along:
            other.ends(next(self._clock), moved=True)

    @rule(data=st.data())
    def merges_people(self, data: st.DataObject) -> None:
        """The last word counts: nobody is brought back who left, nor begun who never confirmed."""
        (merged, one), (kept, other) = self._draw(data), self._draw(data)
        if None in {one.state, other.state} or merged == kept:
            return
        confirmed_at = max(
            self.people[each].confirmed_at for each in (kept, *self._before(kept, self.merges))
        )
        holds = other.left or (other.state is _C and confirmed_at > one.left_at)
        leaves = one.left and not holds
        waits = one.state is _C and other.state is _P
        done = (merged, kept) in self.merges and one.state is _U and not leaves
        order = MergeOrder(
            kept_id=self.stage.subscriber_id(kept), merged_id=self.stage.subscriber_id(merged)
        )
        try:
            with transaction(self.engine) as session:
                merge_people(session, COMMAND_LINE, self.newsletter_id, order)
        except ConflictError:
            assert done or waits
            return
        assert not done
        assert not waits
        if leaves:
            other.ends(one.left_at)
        elif one.state is _C and other.moved:
            other.state, other.moved, other.paused = _C, False, one.paused
            other.by_change = one.by_change
        one.ends(next(self._clock), moved=True)
        other.suppressed |= one.suppressed
        self.merges.append((merged, kept))

    @invariant()
    def everybody_stands_as_the_rules_say(self) -> None:
        with reading(self.engine) as session:
            rows = session.execute(
                select(SubscriberRow.address_key, SubscriptionRow.state)
                .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
                .where(SubscriberRow.address_key.in_(self.people))
            )
            states = dict(rows.all())
            getting = set(
                session.scalars(
                    select(SubscriberRow.address_key).where(
                        SubscriberRow.id.in_(audience_of(self.newsletter_id, "", time_zone="UTC")),
                        SubscriberRow.address_key.in_(self.people),
                    )
                )
            )
        assert states == {a: one.state for a, one in self.people.items() if one.state is not None}
        assert getting == {a for a, one in self.people.items() if one.gets_mail}

    def teardown(self) -> None:
        """Nothing anywhere names who was erased and did not come back."""
        gone = [
            a
            for a, one in self.people.items()
            if one.erased and one.state is None and not one.named
        ]
        if not gone:
            return
        with reading(self.engine) as session:
            for table in Base.metadata.sorted_tables:
                held = repr(session.execute(select(table)).all())
                assert not [address for address in gone if address in held], table.name


@each_database
def test_who_left_is_suppressed_or_erased_gets_no_mail_whatever_happens(engine: Engine) -> None:
    prepared = set_stage(engine)

    class OnThisDatabase(People):
        stage = prepared

    run_machine(
        OnThisDatabase,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            # The database grows with each example: to look for the least takes long.
            phases=[Phase.generate],
            derandomize=not SOAK,
            suppress_health_check=list(HealthCheck),
        ),
    )
