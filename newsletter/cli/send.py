"""``newsletter send``: sends an issue, and starts missing servers and workers meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.cli.language import gettext as _
from newsletter.cli.language import labelled, ngettext, styled, terminal_language, text
from newsletter.cli.mailing_progress import as_json, show, watch_mailing
from newsletter.cli.prompts import confirm
from newsletter.cli.state import (
    As,
    Json,
    NewsletterContext,
    NewsletterName,
    environment_of,
    open_newsletter,
    open_with_keys,
    settings_of,
)
from newsletter.database.vocabulary import DeliveryState, UncertainPolicy
from newsletter.errors import ContentError, ExitCode, Place
from newsletter.i18n import formats
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Day, Number

if TYPE_CHECKING:
    from newsletter.issues.store import StoredIssue
    from newsletter.mailings.approvals.plans import SendingPlan
    from newsletter.mailings.ledger.schedule import Schedule
    from newsletter.mailings.orders.ordering import OrderReview
    from newsletter.mailings.reports.progress import Progress
    from newsletter.mailings.trials.subjects import SubjectTrial
    from newsletter.newsletters.publications import Newsletter
    from newsletter.rendering.preflight import Preflight
    from newsletter.settings import Settings


def send(
    context: typer.Context,
    issue: Annotated[str | None, typer.Argument(help="The issue; the newest if omitted.")] = None,
    newsletter: NewsletterName = None,
    segment: Annotated[
        str,
        typer.Option(
            help="Only these people: the name of a saved segment, or a query (docs/lists.md)."
        ),
    ] = "",
    urgent: Annotated[
        bool,
        typer.Option(
            "--urgent", help="Send it at once to digest readers, too; no digest will contain it."
        ),
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(help="When to send, such as 2026-12-01 08:00 (newsletter's time zone)."),
    ] = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Apply --at in each subscriber's own time zone.")
    ] = False,
    over: Annotated[
        float, typer.Option(min=0, max=168, help="Spread the sending over this many hours.")
    ] = 0,
    uncertain: Annotated[
        UncertainPolicy,
        typer.Option(help="What to do with deliveries whose outcome is uncertain."),
    ] = UncertainPolicy.ASK,
    subject: Annotated[
        list[str] | None,
        typer.Option(help="Another subject to compare with the issue's own; up to three."),
    ] = None,
    preheader: Annotated[
        list[str] | None,
        typer.Option(help="Preheader of the --subject in the same place; else the issue's own."),
    ] = None,
    trial_share: Annotated[
        int, typer.Option(help="How many percent of the audience the subjects are tried on.")
    ] = 20,
    decide_at: Annotated[
        str, typer.Option(help="When the subject is decided and the rest sent: 2026-12-01 14:00.")
    ] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Send it even if it was sent before.")
    ] = False,
    key: Annotated[
        str | None,
        typer.Option(
            help="An idempotency key of 16 to 64 characters: repeated use creates one mailing only."
        ),
    ] = None,
    as_: As = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    json: Json = False,
) -> None:
    """Send an issue to all subscribers, now or at a given time.

    Without REDIS_URL, the necessary parts run as long as this command; without MAIL_TRANSPORTS,
    email is delivered to a mailbox on this machine.
    """
    from newsletter.mailings.approvals.content import content_digest
    from newsletter.mailings.approvals.plans import SendingPlan
    from newsletter.mailings.ledger.schedule import Schedule, read_hour, read_spread
    from newsletter.mailings.orders.ordering import Order, place_order
    from newsletter.mailings.reports.progress import progress
    from newsletter.mailings.trials.subjects import read_trial
    from newsletter.tokens import new_token

    schedule = Schedule(
        hour=None if at is None else read_hour(at, Place(source="--at")),
        everywhere=everywhere,
        spread=read_spread(over),
    )
    trial = read_trial(
        subject or (),
        preheader or (),
        trial_share,
        decide_at,
        decide_place=Place(source="--decide-at"),
    )
    _require_company(
        ("--everywhere", "--at", everywhere and at is None),
        ("--decide-at", "--subject", bool(decide_at) and trial is None),
    )
    opened = open_newsletter(context, newsletter, as_, Action.MAILING_ORDER, with_keys=True)
    plan = SendingPlan(segment=segment, schedule=schedule, urgent=urgent, trial=trial)
    chosen = _check(opened, issue, plan, key)
    if not chosen.was_ordered:
        again = _review(opened, chosen, again=again, yes=yes, json=json)
    rendered = chosen.preflight.rendered
    order = Order(
        key=key or new_token(),
        digest=content_digest(opened.newsletter, rendered, trial) if rendered else "",
        plan=chosen.plan,
        uncertain_policy=uncertain,
        with_warnings=True,
        again=again,
    )
    is_later = at is not None or trial is not None
    with ExitStack() as stack:
        check = None
        if not is_later:
            check = _start_missing_parts(stack, opened.settings, environment_of(context))
        mailing_id = place_order(
            opened.engine,
            opened.actor,
            chosen.issue,
            chosen.preflight,
            order,
            batch_size=opened.settings.batch_size,
        )
        if check is None:
            _print_schedule(progress(opened.engine, mailing_id), json=json)
            return
        now = watch_mailing(
            opened.engine,
            mailing_id,
            quiet=json,
            redis_url=opened.settings.redis_url,
            check=check,
        )
    _print_outcome(now, json=json)
    _require_accepted(now)


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """A checked issue to send.

    Attributes:
        plan: The audience and time; the segment is a query.
        segment_name: The name of the saved segment with this query; empty if there is none.
        was_ordered: Whether the idempotency key was used before, so that the mailing exists.
    """

    issue: StoredIssue
    plan: SendingPlan
    segment_name: str
    preflight: Preflight
    was_ordered: bool


def _check(
    opened: NewsletterContext, issue: str | None, plan: SendingPlan, key: str | None
) -> _Chosen:
    """Return the issue and the segment after the checks of preflight."""
    from newsletter.database.engine import reading
    from newsletter.issues.model import issue_from_json
    from newsletter.issues.store import find_issue
    from newsletter.mailings.orders.ordering import order_of
    from newsletter.mailings.orders.readiness import check_stored, stored_findings
    from subscribers.segments.saved import names_of_queries, segment_text

    newsletter = opened.newsletter
    with reading(opened.engine) as session:
        found = find_issue(session, newsletter.id, issue)
        query = segment_text(session, newsletter.id, plan.segment) if plan.segment else ""
        named = names_of_queries(session, newsletter.id).get(query, "") if query else ""
        was_ordered = key is not None and order_of(session, key) is not None
        content = issue_from_json(found.content)
        known = stored_findings(session, newsletter, content, besides=found.id)
    return _Chosen(
        issue=found,
        plan=replace(plan, segment=query),
        segment_name=named,
        preflight=check_stored(found, newsletter, opened.settings, known=known),
        was_ordered=was_ordered,
    )


def _review(
    opened: NewsletterContext, chosen: _Chosen, *, again: bool, yes: bool, json: bool
) -> bool:
    """Show the order, and ask for confirmation; return whether sending again was confirmed.

    Raises:
        NewsletterError: The issue cannot be sent like this.
        typer.Abort: The user did not confirm.
    """
    from newsletter.cli.preflight import require_clear
    from newsletter.database.engine import reading
    from newsletter.mailings.orders.ordering import already_sent_error, review_order
    from newsletter.mailings.reports.cached_figures import Figures

    require_clear(chosen.preflight, yes=yes, quiet=json)
    with reading(opened.engine) as session:
        review = review_order(
            session,
            opened.newsletter,
            chosen.issue,
            chosen.preflight,
            chosen.plan,
            figures=Figures(opened.engine),
        )
    if yes:
        if review.earlier and not again:
            raise already_sent_error(review.earlier[0])
        return again
    _print_review(opened.newsletter, chosen, review)
    if review.earlier:
        confirm(_("Send it again?"), option="--again --yes")
    else:
        confirm(_("Send it?"), option="--yes")
    # If somebody else sends the issue while the question is open, the user has not confirmed to
    # send it again.
    return again or bool(review.earlier)


def send_test(
    context: typer.Context,
    issue: Annotated[str | None, typer.Argument(help="The issue; the newest if omitted.")] = None,
    newsletter: NewsletterName = None,
    to: Annotated[list[str] | None, typer.Option(help="An address; repeat for more.")] = None,
    group: Annotated[str, typer.Option(help="The name of a test group, instead of --to.")] = "",
    reader: Annotated[
        str, typer.Option(help="With the parts and values of this subscriber, by address.")
    ] = "",
    met: Annotated[
        list[str] | None,
        typer.Option(help="With the parts for readers who meet this condition; repeat for more."),
    ] = None,
    as_: As = None,
    json: Json = False,
) -> None:
    """Send an issue to a few people as a test.

    Missing parts are started as by newsletter send.
    """
    from newsletter.accounts.actors import find_actor
    from newsletter.addresses import parse_address
    from newsletter.database.engine import reading
    from newsletter.issues.store import find_issue
    from newsletter.mailings.orders.test_mails import order_test
    from newsletter.mailings.planning.shown_as import key_of_person, variant_key
    from newsletter.newsletters.publications import find_newsletter
    from newsletter.services import build_services

    if bool(to) == bool(group):
        raise typer.BadParameter(_("Use either --to ADDRESS or --group NAME."))
    if reader and met:
        raise typer.BadParameter(_("Use either --reader ADDRESS or --met CONDITION."))
    settings = settings_of(context)
    engine = open_with_keys(settings)
    with reading(engine) as session:
        newsletter_row = find_newsletter(session, newsletter)
        issue_row = find_issue(session, newsletter_row.id, issue)
        shown_as = variant_key(met) if met else ""
        if reader:
            shown_as = key_of_person(session, newsletter_row.id, parse_address(reader))
    actor = find_actor(engine, as_, Action.ISSUE_TEST, newsletter_row.id)
    if reader:
        find_actor(engine, as_, Permission.SEE_SUBSCRIBERS, newsletter_row.id)
    with ExitStack() as stack:
        check = _start_missing_parts(stack, settings, environment_of(context))
        mailing_id = order_test(
            engine,
            actor,
            newsletter_row,
            issue_row,
            group=group,
            to="\n".join(to or ()),
            shown_as=shown_as,
            sees_people=bool(reader),
            settings=settings,
            pseudonyms=build_services(settings, engine).pseudonyms,
        )
        now = watch_mailing(
            engine, mailing_id, quiet=json, redis_url=settings.redis_url, check=check
        )
    _print_outcome(now, json=json)
    if not json:
        _print_shown_as(met or (), reader)
    _require_accepted(now)


def _print_outcome(now: Progress, *, json: bool) -> None:
    from newsletter.cli.console import print_json

    if json:
        print_json(as_json(now))
    else:
        show(now)


def _require_accepted(now: Progress) -> None:
    """Exit as incomplete if the relay did not accept all messages.

    Raises:
        typer.Exit: Some messages were not accepted.
    """
    if now.counts.get(DeliveryState.ACCEPTED, 0) < now.planned:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _print_shown_as(met: Sequence[str], reader: str) -> None:
    """Print as which reader a test mail was made; without a choice, it contains all parts."""
    from newsletter.cli.console import console
    from newsletter.mailings.planning.variants import VariantName

    if reader:
        console.print(_("With the parts and values of {reader}.", reader=reader))
    elif met:
        readers = text(VariantName(tuple(met)))
        console.print(_("With the parts for these readers: {readers}", readers=readers))


def _print_schedule(now: Progress, *, json: bool) -> None:
    from newsletter.cli.console import console

    _print_outcome(now, json=json)
    if not json:
        console.print(_("It will be sent automatically while a worker is running."))


def _print_digest_readers(review: OrderReview) -> None:
    """Print the number of readers who get the issue in a digest instead."""
    from newsletter.cli.console import console

    counts = review.audience.value.in_digests
    if weekly := counts["weekly"]:
        console.print(
            ngettext(
                "  In the weekly digest: {count} person",
                "  In the weekly digest: {count} people",
                weekly,
            )
        )
    if monthly := counts["monthly"]:
        console.print(
            ngettext(
                "  In the monthly digest: {count} person",
                "  In the monthly digest: {count} people",
                monthly,
            )
        )


def _require_company(*pairs: tuple[str, str, bool]) -> None:
    """Refuse options that have no effect without another option.

    Args:
        pairs: The option, the required option, and whether the latter is missing.

    Raises:
        ContentError: A required option is missing.
    """
    for option, other, stands_alone in pairs:
        if stands_alone:
            raise ContentError(
                msg("This option means nothing without {option}.", option=other),
                place=Place(source=option),
            )


def _print_review(newsletter: Newsletter, chosen: _Chosen, review: OrderReview) -> None:
    """Print the issue, its audience and time, its place in the archive, and earlier mailings."""
    from newsletter.cli.console import console, in_utc
    from newsletter.database.words import name_of

    plan, people = chosen.plan, review.audience.value.included
    console.print(labelled(newsletter.name, styled(chosen.issue.title)))
    within = (
        _("the segment “{name}” ({query})", name=chosen.segment_name, query=plan.segment)
        if chosen.segment_name
        else _("subscribers matching {query}", query=plan.segment)
        if plan.segment
        else _("all subscribers")
    )
    console.print(
        ngettext("To {group}: {count} person.", "To {group}: {count} people.", people, group=within)
    )
    _print_digest_readers(review)
    for variant in review.variants:
        met = variant.name.in_language(terminal_language())
        console.print("  " + labelled(met, Number(variant.people)))
    if plan.trial is not None:
        _print_subjects(chosen.issue, review, plan.trial)
    console.print(_in_words(plan.schedule, newsletter.time_zone))
    if review.other_day:
        bears, goes = Day(chosen.issue.issue_date), Day(review.other_day)
        console.print(
            _("The issue is dated {day}, and goes out on {other}.", day=bears, other=goes)
        )
    if review.place is not None:
        console.print(_("Archive: {place}", place=text(name_of(review.place))))
    if review.other_plan:
        console.print(
            _(
                "The audience or the time differs from the plan when it was approved. The approval"
                " applies to the content, so it can be sent."
            )
        )
    for earlier in review.earlier[:1]:
        console.print(
            _(
                "It was sent before: mailing {mailing}, {moment}.",
                mailing=earlier.id,
                moment=in_utc(earlier.created_at),
            )
        )


def _print_subjects(issue: StoredIssue, review: OrderReview, trial: SubjectTrial) -> None:
    """Print the subjects that are compared, and the time of the decision."""
    from newsletter.cli.console import console
    from newsletter.issues.model import issue_from_json
    from newsletter.mailings.trials.subjects import LETTERS, own_subject

    own = own_subject(issue_from_json(issue.content))
    for letter, subject in zip(LETTERS, (own, *trial.others), strict=False):
        console.print(
            ngettext(
                "  Subject {letter}, {title}: about {count} person",
                "  Subject {letter}, {title}: about {count} people",
                review.tried,
                letter=letter,
                title=subject.title,
            )
        )
        if subject.preheader:
            console.print(f"    {styled(subject.preheader, 'dim')}", soft_wrap=True)
    decided = formats.format_wall_time(trial.decide, terminal_language())
    console.print(_("The subject for everyone else is decided at {time}.", time=decided))


def _in_words(schedule: Schedule, zone: str) -> str:
    hour = formats.format_wall_time(schedule.hour, terminal_language()) if schedule.hour else ""
    if not hour:
        moment = _("Immediately.")
    elif schedule.everywhere:
        moment = _("At {time} in each subscriber’s own time zone.", time=hour)
    else:
        moment = _("At {time} ({zone}).", time=hour, zone=zone)
    hours = schedule.spread.total_seconds() / 3600
    if not hours:
        return moment
    return _("{moment} Spread over {hours} hours.", moment=moment, hours=f"{hours:g}")


def _start_missing_parts(
    stack: ExitStack, settings: Settings, environment: dict[str, str]
) -> Callable[[], None]:
    """Start processes that are not configured; return a function that checks them."""
    from newsletter.cli.embedded import own_servers, supervised
    from workers.composition import read_dkim_keys

    if settings.redis_url:
        return lambda: None
    read_dkim_keys(settings)
    servers = own_servers(settings)
    folder = settings.data_dir.resolve()
    supervisor = stack.enter_context(supervised(folder, environment | servers))
    supervisor.start_own(servers)
    supervisor.start_workers(settings.worker_processes)
    return supervisor.check
