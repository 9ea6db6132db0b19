"""Trials of subjects: a part of the audience gets one of several, the others the best one.

A trial is ordered with its mailing. Planning selects its readers by a keyed hash of their ids. The
batches of all other readers are on hold until the subject is chosen; see
`newsletter.mailings.trials.decisions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, literal, select
from sqlalchemy.orm import Session

from newsletter.database.tables import MailingRow, NewsletterRow, SubjectTrialRow, SubscriberRow
from newsletter.database.types import now
from newsletter.database.vocabulary import OVER
from newsletter.errors import ConflictError, ContentError, Place
from newsletter.i18n.messages import msg
from newsletter.issues.model import Issue
from newsletter.issues.sources.normalise import without_controls
from newsletter.mailings.ledger.schedule import Schedule, due_in, read_hour
from newsletter.mailings.planning.content import MailingContent, load_content
from newsletter.mailings.planning.variants import (
    MOST_SUBJECTS,
    MOST_VARIANTS,
    with_subject,
)
from newsletter.mailings.reports.clicks import counted_urls
from newsletter.rendering.model import RenderedIssue, Subject

#: The names of the subjects, in order.
LETTERS = "ABCD"
#: The permitted sizes of a trial, in percent of the audience.
SHARES = range(10, 51)
#: The maximum number of days between the first message and the decision.
_FARTHEST_DAYS = 7
_LONGEST = 300
#: A flag in the variant numbers of readers outside the trial, during planning.
UNDECIDED = 1 << 62
#: A 31-bit prime: products of two smaller numbers fit into a 64-bit column.
_PRIME = 2**31 - 1
#: The form field with the time of the decision.
_DECISION_FIELD = Place(field="decide")


@dataclass(frozen=True, kw_only=True, slots=True)
class SubjectTrial:
    """The settings of a trial.

    Attributes:
        others: The alternatives to the issue's own subject.
        share: The size of the trial, in percent of the audience.
        decide: When the subject is chosen and the rest is sent, in the newsletter's time zone.
    """

    others: tuple[Subject, ...]
    share: int
    decide: datetime


def read_trial(
    subjects: Sequence[str],
    preheaders: Sequence[str],
    share: str | int,
    decide: str,
    *,
    decide_place: Place = _DECISION_FIELD,
) -> SubjectTrial | None:
    """Parse the settings of a trial from a form or command; None without alternative subjects.

    Args:
        subjects: The alternative subjects; blank ones are ignored.
        preheaders: Their preheaders, in the same order; missing or blank for the issue's own.
        share: The size of the trial, in percent of the audience.
        decide: The time, such as ``2026-12-01 14:00``.
        decide_place: The place that errors about ``decide`` name.

    Raises:
        ContentError: A value is not valid.
    """
    others = read_subjects(subjects, preheaders)
    if not others:
        return None
    return SubjectTrial(
        others=others, share=_read_share(share), decide=_read_decision(decide, decide_place)
    )


def read_subjects(subjects: Sequence[str], preheaders: Sequence[str]) -> tuple[Subject, ...]:
    """Parse the alternative subjects of a trial; see `read_trial`.

    Raises:
        ContentError: A subject is not valid, or there are too many.
    """
    if len(preheaders) > len(subjects):
        raise ContentError(
            msg("There are more preheaders than other subjects."),
            place=Place(field="preheader"),
            remedy=msg("Give each preheader with the subject that it belongs to."),
        )
    beside = [*preheaders, *[""] * len(subjects)]
    others = tuple(
        Subject(title=title, preheader=_line(preheader))
        for title, preheader in ((_line(text), beside[at]) for at, text in enumerate(subjects))
        if title
    )
    if len(others) >= MOST_SUBJECTS:
        raise ContentError(
            msg("At most {limit} subjects can be compared.", limit=MOST_SUBJECTS),
            place=Place(field="subject"),
            remedy=msg("The issue’s own subject is one of them; leave out some of the others."),
        )
    return others


def _line(text: str) -> str:
    line = " ".join(without_controls(text).split())
    if len(line) > _LONGEST:
        raise ContentError(
            msg("A subject or preheader has more than {limit} characters.", limit=_LONGEST),
            place=Place(field="subject"),
            remedy=msg("Shorten it; inboxes show about 40 characters."),
        )
    return line


def _read_share(text: str | int) -> int:
    share = int(text) if str(text).strip().isdecimal() else 0
    if share not in SHARES:
        raise ContentError(
            msg("“{text}” is not a share of the audience for the trial.", text=text),
            place=Place(field="share"),
            remedy=msg(
                "Choose from {least} to {most} percent.", least=SHARES.start, most=SHARES.stop - 1
            ),
        )
    return share


def _read_decision(text: str, place: Place) -> datetime:
    if not text.strip():
        raise ContentError(
            msg("The time at which the subject is decided is missing."),
            place=place,
            remedy=msg("Enter when the remaining recipients are to get their mail."),
        )
    return read_hour(text, place)


def place_of(letter: str) -> int:
    """Return the index of the subject with this letter; -1 if there is none."""
    known = letter.strip().upper()
    return LETTERS.index(known) if len(known) == 1 and known in LETTERS else -1


def trial_to_json(trial: SubjectTrial) -> dict[str, Any]:
    """Return a trial as JSON that `trial_from_json` reads."""
    return {
        "others": [_to_json(subject) for subject in trial.others],
        "share": trial.share,
        "decide": trial.decide.isoformat(),
    }


def trial_from_json(data: Mapping[str, Any]) -> SubjectTrial:
    """Return the trial that `trial_to_json` wrote."""
    return SubjectTrial(
        others=tuple(Subject(**each) for each in data["others"]),
        share=int(data["share"]),
        decide=datetime.fromisoformat(data["decide"]),
    )


def _to_json(subject: Subject) -> dict[str, str]:
    return {"title": subject.title, "preheader": subject.preheader}


def own_subject(issue: Issue) -> Subject:
    """Return the issue's own subject."""
    return Subject(title=issue.title, preheader=issue.preheader)


def require_trial(
    newsletter: NewsletterRow,
    issue: Issue,
    rendered: RenderedIssue,
    trial: SubjectTrial,
    *,
    schedule: Schedule,
    first: datetime | None,
    variants: int,
) -> datetime:
    """Check that a trial may be ordered; return the time of its decision.

    Args:
        newsletter: The mailing's newsletter.
        issue: The issue.
        rendered: The rendered issue.
        trial: The settings of the trial.
        schedule: The schedule of the mailing.
        first: When the first message is due; None for at once.
        variants: The number of variants without regard to subjects.

    Raises:
        ConflictError: Clicks are not counted, the mail has no link, two subjects are the same,
            there are too many variants, or the time of the decision does not fit the schedule.
    """
    require_clicks(newsletter, rendered)
    if len({own_subject(issue), *trial.others}) <= len(trial.others):
        raise ConflictError(
            msg("Two of the subjects are the same."),
            place=Place(field="subject"),
            remedy=msg("Change one of them, or its preheader."),
        )
    require_few_frames(1 + len(trial.others), variants)
    return require_trial_hours(newsletter, trial, schedule=schedule, first=first)


def require_trial_hours(
    newsletter: NewsletterRow,
    trial: SubjectTrial,
    *,
    schedule: Schedule,
    first: datetime | None,
) -> datetime:
    """Check the times of a trial; return the time of its decision.

    Raises:
        ConflictError: The time of the decision does not fit the schedule.
    """
    if schedule.everywhere:
        raise ConflictError(
            msg("Subjects cannot be compared in a mailing at each subscriber’s own time."),
            remedy=msg("Choose one time for all, or do not compare subjects."),
        )
    decide_at = due_in(newsletter.time_zone, trial.decide, fallback=newsletter.time_zone)
    require_decision(decide_at, begins=first or now())
    return decide_at


def require_decision(decide_at: datetime, *, begins: datetime) -> None:
    """Check the time of a decision.

    Raises:
        ConflictError: It is not after the beginning, or more than a week after it.
    """
    if decide_at <= begins:
        raise ConflictError(
            msg("The subject is to be decided before the trial has begun."),
            place=_DECISION_FIELD,
            remedy=msg("Choose a later time for the decision; some hours are usual."),
        )
    if decide_at > begins + timedelta(days=_FARTHEST_DAYS):
        raise ConflictError(
            msg("The decision is more than {days} days after the trial.", days=_FARTHEST_DAYS),
            place=_DECISION_FIELD,
            remedy=msg("Choose an earlier time for the decision."),
        )


def require_clicks(newsletter: NewsletterRow, rendered: RenderedIssue) -> None:
    """Check that clicks can decide between subjects.

    Raises:
        ConflictError: The newsletter does not count clicks, or the mail has no link.
    """
    if not newsletter.count_clicks:
        raise ConflictError(
            msg("This newsletter does not count clicks, so subjects cannot be compared."),
            remedy=msg(
                "An administrator can turn on “{setting}” in the newsletter’s settings.",
                setting=msg("Count clicks on links as totals, without recording persons"),
            ),
        )
    if not counted_urls(rendered.html):
        raise ConflictError(
            msg("The mail has no link whose clicks could be counted."),
            remedy=msg("Add a link, or do not compare subjects."),
        )


def require_few_frames(subjects: int, variants: int) -> None:
    """Check the number of variants together with subjects.

    Raises:
        ConflictError: There are more than a mailing may have.
    """
    if subjects * max(variants, 1) > MOST_VARIANTS:
        raise ConflictError(
            msg(
                "{subjects} subjects and {variants} selections of parts make {count} different "
                "emails; at most {limit} are possible.",
                subjects=subjects,
                variants=variants,
                count=subjects * variants,
                limit=MOST_VARIANTS,
            ),
            remedy=msg("Compare fewer subjects, or use fewer conditions."),
        )


def save_trial(
    session: Session, mailing_id: int, own: Subject, trial: SubjectTrial, decide_at: datetime
) -> None:
    """Store the trial of a mailing."""
    session.add(
        SubjectTrialRow(
            mailing_id=mailing_id,
            subjects=[_to_json(subject) for subject in (own, *trial.others)],
            share=trial.share,
            decide_at=decide_at,
        )
    )


def correct_own_subject(session: Session, mailing_id: int, own: Subject) -> Subject:
    """Update the issue's own subject in a mailing's trial, after a correction.

    The other subjects and the decision do not change. Returns the mailing's present subject.
    """
    trial = session.get(SubjectTrialRow, mailing_id, with_for_update=True, populate_existing=True)
    if trial is None:
        return own
    trial.subjects = [_to_json(own), *trial.subjects[1:]]
    shown = Subject(**trial.subjects[trial.chosen or 0])
    return replace(shown, preheader=shown.preheader or own.preheader)


def subjects_left(session: Session, mailing_ids: Iterable[int]) -> tuple[str, ...]:
    """Return the alternative subjects that mailings may still send."""
    trials = session.scalars(
        select(SubjectTrialRow)
        .join(MailingRow, MailingRow.id == SubjectTrialRow.mailing_id)
        .where(MailingRow.id.in_(mailing_ids), MailingRow.state.not_in(OVER))
        .order_by(SubjectTrialRow.mailing_id)
    )
    left = [
        subject["title"]
        for trial in trials
        for place, subject in enumerate(trial.subjects)
        if place and trial.chosen in {None, place}
    ]
    return tuple(dict.fromkeys(left))


def trial_column(identity: str, trial: SubjectTrialRow) -> ColumnElement[int]:
    """Return the SQL expression that adds a person's subject to their variant number.

    It is a hash of the person's id, keyed by the mailing's identity. So planning a mailing again
    gives the same result, and each mailing's trial has other readers.
    """
    keyed = sha256(identity.encode()).digest()
    factor, addend, last_factor, last_addend = (
        1 + int.from_bytes(keyed[at : at + 8], "big") % (_PRIME - 1) for at in (0, 8, 16, 24)
    )

    def mixed(value: ColumnElement[int], by: int, plus: int) -> ColumnElement[int]:
        return (value * _number(by) + _number(plus)) % _number(_PRIME)

    number = mixed(SubscriberRow.id % _number(_PRIME), factor, addend)
    square = number * number % _number(_PRIME)
    # n -> n^5 is a permutation modulo _PRIME, since 5 does not divide _PRIME - 1.
    fifth = square * square % _number(_PRIME) * number % _number(_PRIME)
    place = mixed(fifth, last_factor, last_addend)
    width = _PRIME * trial.share // 100 // len(trial.subjects)
    subjects = [
        (place < _number(width * (subject + 1)), _number(with_subject(0, subject)))
        for subject in range(len(trial.subjects))
    ]
    return case(*subjects, else_=_number(UNDECIDED))


def _number(value: int) -> ColumnElement[int]:
    return literal(value, BigInteger())


def frames_of(trial: SubjectTrialRow, variants: Iterable[int]) -> frozenset[int]:
    """Return all variants that a mailing with a trial may need, whichever subject is chosen.

    They include the readers who meet no condition, whose mail the archive shows.
    """
    return frozenset(
        with_subject(number, subject)
        for number in (0, *variants)
        for subject in range(len(trial.subjects))
    )


def find_trial(session: Session, mailing_id: int) -> SubjectTrialRow | None:
    """Return the trial of a mailing; None if it has none."""
    return session.get(SubjectTrialRow, mailing_id)


def decision_due(session: Session, mailing_id: int) -> datetime | None:
    """Return when a mailing's subject is chosen; None after the decision, or without a trial."""
    trial = find_trial(session, mailing_id)
    return trial.decide_at if trial is not None and trial.decided_at is None else None


def published_content(session: Session, mailing_id: int) -> MailingContent:
    """Return the content of a mailing for the archive: for all readers, with the chosen subject.

    Raises:
        NotFoundError: There is no such mailing.
    """
    return load_content(session, mailing_id, with_subject(0, chosen_subject(session, mailing_id)))


def chosen_subject(session: Session, mailing_id: int) -> int:
    """Return the index of the chosen subject; 0 before the decision and without a trial."""
    trial = find_trial(session, mailing_id)
    return (trial.chosen if trial else None) or 0
