"""Parts for some readers: everybody gets exactly the parts whose conditions they meet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    BatchRow,
    DeliveryRow,
    MailingRow,
    MailingVariantRow,
    NewsletterRow,
)
from newsletter.database.vocabulary import DeliveryState, MailingState
from newsletter.errors import ConflictError, ListError
from newsletter.i18n.language import Language
from newsletter.issues.checks.findings import Finding, Severity
from newsletter.issues.conditions import conditions_of, select_parts
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.store import find_issue, save_issue
from newsletter.issues.walking import walk_texts
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.approvals.plans import SendingPlan
from newsletter.mailings.archive import find_publication
from newsletter.mailings.orders.ordering import review_order
from newsletter.mailings.orders.readiness import check_stored, stored_findings
from newsletter.mailings.orders.test_mails import send_test
from newsletter.mailings.orders.variant_checks import variant_findings
from newsletter.mailings.planning.content import COMMON, load_content, save_variant
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.planning.variants import (
    MOST_VARIANTS,
    VariantCount,
    VariantName,
    count_variants,
    differ_by_language,
    met_in,
    sent_variants,
    variant_sent,
)
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.mailings.reports.progress import progress
from newsletter.rendering.slots import fill
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms
from subscribers.lists.imports.imports import import_csv
from subscribers.segments.saved import delete_segment, save_segment
from tests.support.databases import on_one_database
from tests.support.examples import examples
from tests.support.growth import assert_linear
from tests.support.rendering import render_stored
from tests.support.smtp import SmtpServer
from tests.support.stage import Stage, set_stage
from tests.support.worker import work, worker

HEAD = "---\ntitle: お知らせ\ndate: 2026-12-01\n---\n\n"
TOWN = """目印共通

:::for tag = "staff"
目印職員 [内規](https://staff.example.jp/)
:::

# 1. 町から

[町](https://town.example.jp/) 本文

# 2. 催し
:for[parents]

目印催し

### 子ども祭り
:for[language = "en"]

目印英語
"""
#: By address: tags, language, and the marks of the parts that they are to read.
PEOPLE: Mapping[str, tuple[str, str, set[str]]] = {
    "a@example.jp": ("", "ja", set()),
    "b@example.jp": ("staff", "ja", {"職員"}),
    "c@example.jp": ("child", "ja", {"催し"}),
    "d@example.jp": ("child; staff", "en", {"職員", "催し", "英語"}),
    "e@example.jp": ("", "en", set()),
    "f@example.jp": ("child", "ja", {"催し"}),
}


def _stage(engine: Engine, body: str = TOWN) -> Stage:
    stage = set_stage(engine, (HEAD + body).encode())
    lines = [
        "email,tags,language\n",
        *(f'{address},"{tags}",{language}\n' for address, (tags, language, _) in PEOPLE.items()),
    ]
    import_csv(engine, stage.newsletter_id, lines, source="test", basis="test")
    with transaction(engine) as session:
        save_segment(session, stage.newsletter_id, name="parents", query='tag = "child"')
    return stage


def _marks(text: str) -> set[str]:
    return set(re.findall("目印(.{2})", text)) - {"共通"}


def _bodies(stage: Stage, mailing: int, address: str) -> tuple[str, str]:
    with reading(stage.engine) as session:
        variant = variant_sent(session, mailing, stage.subscriber_id(address))
        rendered = load_content(session, mailing, variant).rendered
    return fill(rendered.html, {}), fill(rendered.text, {})


@on_one_database("sqlite")
def test_each_message_that_leaves_has_the_parts_of_its_reader_and_no_others(
    engine: Engine, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    stage = _stage(engine)
    with transaction(engine) as session:
        session.get_one(NewsletterRow, stage.newsletter_id).count_clicks = True
    mailing = stage.mail()
    plan_mailing(engine, mailing)

    with worker(database_url, smtp_server.url, tmp_path / "data") as services:
        with reading(engine) as session:
            batches = session.scalars(select(BatchRow.number)).all()
        for number in batches:
            work(services, mailing, number)

    assert sorted(smtp_server.recipients()) == sorted(PEOPLE)
    links = {}
    for received in smtp_server.messages:
        message = message_from_bytes(received.raw, policy=default)
        assert isinstance(message, EmailMessage)
        for kind in ("html", "plain"):
            body = message.get_body((kind,))
            assert body is not None
            assert _marks(body.get_content()) == PEOPLE[received.recipients[0]][2]
            if kind == "html":
                links[received.recipients[0]] = re.search(
                    r'href="([^"]+)"[^>]*>町</a>', body.get_content()
                )
    # One link of the mailing is one number in all variants: its clicks are one sum.
    assert len({found[1] for found in links.values() if found}) == 1
    assert all(found and "/r/" in found[1] for found in links.values())


def test_chapters_and_contents_count_what_the_reader_sees(engine: Engine) -> None:
    stage = _stage(engine, ':::contents\n\n# 1. 職員\n:for[tag = "staff"]\n\n中\n\n# 2. 皆\n\n外')
    mailing = stage.mail()
    plan_mailing(engine, mailing)

    _, text = _bodies(stage, mailing, "a@example.jp")
    assert "1. 皆" in text
    assert "職員" not in text
    _, text = _bodies(stage, mailing, "b@example.jp")
    assert "2. 皆" in text


def test_a_test_mail_has_all_parts(engine: Engine) -> None:
    stage = _stage(engine)
    with transaction(engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        issue = find_issue(session, stage.newsletter_id, stage.issue)
        rendered = render_stored(issue, newsletter, templates_dir=Settings().templates_dir)
        address = [parse_address("editor@example.jp")]
        test = send_test(
            session, COMMAND_LINE, newsletter, issue, rendered, address, Pseudonyms([b"k" * 40])
        )
        content = load_content(session, test, COMMON)
    assert _marks(fill(content.rendered.text, {})) == {"職員", "催し", "英語"}
    assert not content.varies


@on_one_database("sqlite")
def test_archive_and_feed_show_what_is_for_everybody(engine: Engine) -> None:
    stage = _stage(engine)
    mailing = stage.mail()
    plan_mailing(engine, mailing)

    with reading(engine) as session:
        _, content = find_publication(session, stage.newsletter_id, stage.issue)
    for body in (content.rendered.html, content.rendered.text):
        assert _marks(fill(body, {})) == set()
        assert "目印共通" in fill(body, {})
        assert "staff.example.jp" not in fill(body, {})


@on_one_database("sqlite")
def test_what_was_ordered_is_sent_whatever_becomes_of_segments_and_readers_who_join(
    engine: Engine,
) -> None:
    stage = _stage(engine)
    mailing = stage.mail()
    with transaction(engine) as session:
        delete_segment(session, stage.newsletter_id, "parents")
    late = ["email,tags,language\n", "late@example.jp,child,en\n"]
    import_csv(engine, stage.newsletter_id, late, source="test", basis="test")

    assert plan_mailing(engine, mailing) == len(PEOPLE) + 1
    for body in _bodies(stage, mailing, "late@example.jp"):
        assert _marks(body) == {"催し", "英語"}


def test_batches_hold_readers_of_one_variant_and_everybody_is_in_one(engine: Engine) -> None:
    stage = _stage(engine)
    mailing = stage.mail(batch_size=2)
    plan_mailing(engine, mailing)

    with reading(engine) as session:
        batches = session.scalars(select(BatchRow).order_by(BatchRow.number)).all()
        ends = [(batch.first_position, batch.last_position) for batch in batches]
        positions = session.scalars(select(DeliveryRow.position)).all()
        counted = [(set(each.met), each.people) for each in sent_variants(session, mailing)]
    assert sorted(positions) == [p for first, last in ends for p in range(first, last + 1)]
    assert ({"parents"}, 2) in counted
    assert sum(people for _, people in counted) == len(PEOPLE)


def test_planned_twice_or_after_a_death_amid_rendering_each_is_there_once(engine: Engine) -> None:
    stage = _stage(engine)
    mailing = stage.mail()
    with reading(engine) as session:
        other = load_content(session, mailing).rendered
    with transaction(engine) as session:
        # What was kept first stays, though another worker rendered it, too.
        save_variant(session, mailing, 1, other)
        save_variant(session, mailing, 1, other)

    assert plan_mailing(engine, mailing) == len(PEOPLE)
    assert plan_mailing(engine, mailing) == 0
    with reading(engine) as session:
        kept = session.scalars(select(MailingVariantRow.variant)).all()
    assert sorted(kept) == [1, 2, 4, 7]
    assert stage.counts(mailing) == {DeliveryState.QUEUED: len(PEOPLE)}


def test_an_issue_whose_parts_are_for_everybody_has_one_mail_and_nothing_more(
    engine: Engine,
) -> None:
    stage = _stage(engine, "皆へ")
    mailing = stage.mail()
    plan_mailing(engine, mailing)

    with reading(engine) as session:
        assert session.get_one(MailingRow, mailing).conditions is None
        assert session.scalars(select(MailingVariantRow)).all() == []
        assert set(session.scalars(select(BatchRow.variant))) == {COMMON}
        assert not load_content(session, mailing).varies
        assert sent_variants(session, mailing) == ()


def test_more_variants_than_a_mailing_may_have_are_refused_with_what_to_do(
    engine: Engine,
) -> None:
    names = [f"t{number}" for number in range(7)]
    body = "前\n\n" + "\n\n".join(f':::for tag = "{name}"\n{name}\n:::' for name in names)
    stage = set_stage(engine, (HEAD + body).encode())
    lines = ["email,tags\n"]
    for number in range(MOST_VARIANTS + 1):
        tags = "; ".join(name for place, name in enumerate(names) if number >> place & 1)
        lines.append(f'r{number}@example.jp,"{tags}"\n')
    import_csv(engine, stage.newsletter_id, lines, source="test", basis="test")
    mailing = stage.mail()

    with pytest.raises(ConflictError, match="65") as raised:
        plan_mailing(engine, mailing)
    assert raised.value.remedy
    assert progress(engine, mailing).state is MailingState.PLANNING
    assert stage.counts(mailing) == {}


@on_one_database("sqlite")
@pytest.mark.parametrize("condition", ["gone", "tag ="])
def test_a_condition_that_is_none_makes_no_mailing(engine: Engine, condition: str) -> None:
    stage = _stage(engine, f"前\n\n:::for {condition}\n文\n:::")

    with pytest.raises(ListError):
        stage.mail()


TAGS = ("x", "y", "z")
CONDITIONS = st.sampled_from(
    [
        *(f'tag = "{tag}"' for tag in TAGS),
        'not tag = "x"',
        'tag = "x" and tag = "y"',
        'language = "en" or tag = "z"',
        'domain = "example.com"',
    ]
)
_numbers = count(1)


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """Markdown with marked words, each in parts for some, within parts for some."""

    def mark() -> str:
        return f"目印{next(_numbers):06d}"

    lines = [mark()]
    for _ in range(draw(st.integers(1, 2))):
        lines += [f":::for {draw(CONDITIONS)}", mark(), ":::"]
    for chapter in range(draw(st.integers(0, 2))):
        lines += [f"# 章{chapter}{mark()}"]
        lines += [f":for[{draw(CONDITIONS)}]"] if draw(st.booleans()) else []
        lines += ["", mark(), ""]
        if draw(st.booleans()):
            lines += [f"### 項{mark()}", f":for[{draw(CONDITIONS)}]", "", f"- {mark()}", ""]
            lines += [f"- :::for {draw(CONDITIONS)}", f"  {mark()}", "  :::", ""]
    return "\n".join(lines)


PERSON = st.tuples(
    st.sets(st.sampled_from(TAGS)),
    st.sampled_from(["ja", "en"]),
    st.sampled_from(["example.jp", "example.com"]),
)


def _meets(condition: str, tags: set[str], language: str, domain: str) -> bool:
    return {
        **{f'tag = "{tag}"': tag in tags for tag in TAGS},
        'not tag = "x"': "x" not in tags,
        'tag = "x" and tag = "y"': {"x", "y"} <= tags,
        'language = "en" or tag = "z"': language == "en" or "z" in tags,
        'domain = "example.com"': domain == "example.com",
    }[condition]


@given(body=bodies(), people=st.lists(PERSON, min_size=1, max_size=12))
@settings(max_examples=examples(3), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_any_conditions_any_reader_gets_exactly_their_parts_in_both_bodies(
    random_stage: Stage, body: str, people: list[tuple[set[str], str, str]]
) -> None:
    stage, round_ = random_stage, next(_numbers)
    addresses = [f"p{round_}-{place}@{domain}" for place, (_, _, domain) in enumerate(people)]
    lines = ["email,tags,language\n"] + [
        f'{address},"{"; ".join(sorted({*tags, f"round{round_}"}))}",{language}\n'
        for address, (tags, language, _) in zip(addresses, people, strict=True)
    ]
    import_csv(stage.engine, stage.newsletter_id, lines, source="test", basis="test")
    text = HEAD.replace("お知らせ", f"お知らせ{round_}") + body
    with transaction(stage.engine) as session:
        read = read_issue(text.encode(), source="issue")
        stage.issue = save_issue(session, stage.newsletter_id, read, slug=f"n{round_}").slug
    mailing = stage.mail(segment=f'tag = "round{round_}"')

    assert plan_mailing(stage.engine, mailing) == len(people)
    for address, (tags, language, domain) in zip(addresses, people, strict=True):
        met = {each for each in conditions_of(read.issue) if _meets(each, tags, language, domain)}
        shown_parts = select_parts(read.issue, met)
        wanted = set(re.findall("目印[0-9]{6}", "".join(t for _, t in walk_texts(shown_parts))))
        for shown in _bodies(stage, mailing, address):
            assert set(re.findall("目印[0-9]{6}", shown)) == wanted


@pytest.fixture
def random_stage(engine: Engine) -> Stage:
    return set_stage(engine)


def _codes(stage: Stage) -> dict[str, list[str]]:
    codes: dict[str, list[str]] = {}
    for finding in _findings(stage):
        codes.setdefault(finding.code, []).append(finding.about)
    return codes


def _findings(stage: Stage) -> tuple[Finding, ...]:
    with reading(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        row = find_issue(session, stage.newsletter_id, stage.issue)
        issue = issue_from_json(row.content)
        found = check_stored(
            row,
            newsletter,
            Settings(_env_file=None),
            known=stored_findings(session, newsletter, issue, besides=row.id),
        )
    return found.findings


def test_preflight_counts_the_variants_and_warns_of_conditions_that_nobody_meets(
    engine: Engine,
) -> None:
    stage = _stage(engine, TOWN + '\n### 項\n:for[tag = "nobody"]\n\n文\n')

    codes = _codes(stage)
    assert codes["condition-unmet"] == ['tag = "nobody"']
    assert len(codes["variants"]) == 1
    with reading(engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        counted = count_variants(session, newsletter, ("parents", 'tag = "staff"'))
    assert [(each.met, each.people) for each in counted] == [
        ((), 2),
        (("parents",), 2),
        (('tag = "staff"',), 1),
        (("parents", 'tag = "staff"'), 1),
    ]


def test_preflight_names_a_segment_that_is_deleted(engine: Engine) -> None:
    stage = _stage(engine)
    with transaction(engine) as session:
        delete_segment(session, stage.newsletter_id, "parents")

    assert _codes(stage)["condition-unknown"] == ["parents"]


def _told(stage: Stage, code: str) -> list[str]:
    english = Language.ENGLISH
    return [each.message.in_language(english) for each in _findings(stage) if each.code == code]


@on_one_database("sqlite")
def test_what_has_no_content_is_said_once_with_whose_email_it_is(engine: Engine) -> None:
    stage = _stage(
        engine,
        '前\n\n# 職員の頁\n\n:::for tag = "staff"\n中\n:::\n\n# 催し\n\n'
        ":::for parents\n祭り\n:::\n",
    )

    assert _told(stage, "variant-part-empty") == [
        (
            "Below “職員の頁”, there is nothing in the email of 4 readers "
            "(not meeting “Tag is staff”)."
        ),
        "Below “催し”, there is nothing in the email of 3 readers (not meeting “parents”).",
    ]


@on_one_database("sqlite")
def test_an_email_without_content_is_said_in_place_of_each_bare_heading_in_it(
    engine: Engine,
) -> None:
    stage = _stage(
        engine, '# 職員\n\n:::for tag = "staff"\n中\n:::\n\n# 催し\n\n:::for parents\n祭り\n:::'
    )

    assert _told(stage, "variant-empty") == [
        "The email of 2 readers (meeting none of “parents” and “Tag is staff”) has no content."
    ]
    assert _told(stage, "variant-part-empty") == [
        (
            "Below “職員”, there is nothing in the email of 2 readers "
            "(meeting “parents” but not “Tag is staff”)."
        ),
        (
            "Below “催し”, there is nothing in the email of 1 reader "
            "(meeting “Tag is staff” but not “parents”)."
        ),
    ]


@on_one_database("sqlite")
def test_what_no_reader_gets_is_said_of_no_variant(engine: Engine) -> None:
    stage = _stage(
        engine,
        '前\n\n:::for parents\n親へ\n:::\n\n# 頁\n\n:::for tag = "nobody"\n中\n:::',
    )

    assert _told(stage, "variant-part-empty") == ["No reader gets anything below “頁” now."]


@on_one_database("sqlite")
def test_contents_that_list_nothing_for_some_are_told(engine: Engine) -> None:
    stage = _stage(engine, '前\n\n:::contents\n:::\n\n# 職員の頁\n:for[tag = "staff"]\n\n中\n')

    assert _told(stage, "variant-contents-empty") == [
        "The contents are empty in the email of 4 readers (not meeting “Tag is staff”)."
    ]


def test_the_look_at_64_variants_grows_no_faster_than_the_issue() -> None:
    conditions = [f'tag = "t{number}"' for number in range(6)]

    def make(items: int) -> Issue:
        parts = [
            f"# 章{number}\n:for[{conditions[number % 6]}]\n\n"
            f":::for {conditions[number * 5 % 6]}\n文\n:::\n"
            for number in range(items)
        ]
        return read_issue((HEAD + "前\n\n" + "\n".join(parts)).encode(), source="x").issue

    variants = [
        VariantCount(number=number, met=met_in(conditions, number), people=1)
        for number in range(MOST_VARIANTS)
    ]
    assert_linear(lambda issue: list(variant_findings(issue, variants)), make, size=1000)


LONG = "\n\n".join(f"{n}番目の長い文章です。" + "町のお知らせ。" * 120 for n in range(22))
ONE_OR_OTHER = f"""皆さまへ。

# 職員
:for[tag = "staff"]

{LONG}

# 職員でない方
:for[tag != "staff"]

{LONG}
"""


def test_parts_that_nobody_gets_together_do_not_count_as_one_mail(engine: Engine) -> None:
    stage = _stage(engine, ONE_OR_OTHER)

    assert "size" not in _codes(stage)


def test_a_mail_that_is_too_large_is_named_by_who_gets_it(engine: Engine) -> None:
    stage = _stage(engine, ONE_OR_OTHER + f"\n:::for parents\n{LONG}\n:::\n")

    (size,) = (finding for finding in _findings(stage) if finding.code == "size")
    assert size.severity is Severity.ERROR
    assert "parents" in size.message.in_language(Language.ENGLISH)


def _saved(stage: Stage, body: str) -> str:
    with transaction(stage.engine) as session:
        read = read_issue((HEAD + body).encode(), source="issue")
        return save_issue(session, stage.newsletter_id, read, slug="other").slug


@on_one_database("sqlite")
def test_approval_is_of_the_conditions_too(engine: Engine) -> None:
    stage = _stage(engine, ':::for tag = "staff"\n文\n:::\n\n皆')
    other = _saved(stage, ':::for tag = "child"\n文\n:::\n\n皆')

    with reading(engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        digests = set()
        for slug in (stage.issue, other):
            issue = find_issue(session, stage.newsletter_id, slug)
            folder = Settings(_env_file=None).templates_dir
            digests.add(
                content_digest(newsletter, render_stored(issue, newsletter, templates_dir=folder))
            )
    assert len(digests) == 2


@on_one_database("sqlite")
def test_an_approval_ends_when_a_segment_that_a_part_names_asks_for_others(engine: Engine) -> None:
    stage = _stage(engine, ":::for parents\n文\n:::\n\n皆")

    def digest() -> str:
        with reading(engine) as session:
            newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
            issue = find_issue(session, stage.newsletter_id, stage.issue)
            folder = Settings(_env_file=None).templates_dir
            rendered = render_stored(issue, newsletter, templates_dir=folder)
            return content_digest(newsletter, rendered)

    before = digest()
    stage.redefine("parents", 'tag = "staff"')
    assert digest() != before


def test_whoever_orders_is_told_the_variants_of_the_audience_they_chose(engine: Engine) -> None:
    stage = _stage(engine)

    with reading(engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        issue = find_issue(session, stage.newsletter_id, stage.issue)
        review = review_order(
            session,
            newsletter,
            issue,
            check_stored(issue, newsletter, Settings(_env_file=None)),
            SendingPlan(segment='tag = "child"'),
            figures=Figures(engine),
        )
    assert [(each.met, each.people) for each in review.variants] == [
        (("parents",), 2),
        (('tag = "staff"', "parents", 'language = "en"'), 1),
    ]


def test_where_translations_alone_differ_the_other_variant_is_called_the_original() -> None:
    alone = ("language en", "language zh-Hant")
    for conditions, expected in (
        (alone, "The original"),
        ((*alone, "staff"), "Only what is for everybody"),
    ):
        name = VariantName((), (), differ_by_language(conditions))
        assert name.in_language(Language.ENGLISH) == expected


def test_a_translation_beside_a_condition_on_the_language_is_told_from_it() -> None:
    name = VariantName(('language = "en"', "language en"), (), by_language=False)
    assert name.in_language(Language.JAPANESE) == "言語が英語・英語版"
    assert name.in_language(Language.ENGLISH) == "Language is English + English version"


@on_one_database("sqlite")
def test_without_readers_nothing_is_said_of_what_they_get(engine: Engine) -> None:
    body = '# 章\n\n### 項\n:for[tag = "nobody"]\n\n文\n'
    codes = _codes(set_stage(engine, (HEAD + body).encode()))
    assert {code for code in codes if code == "variants" or code.startswith("condition-")} == set()
