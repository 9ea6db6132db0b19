"""Check both sample mails with other projects' tools: spam filters, an HTML checker, axe.

A missing tool skips its test on a developer's machine, and fails it in CI.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from newsletter.i18n.language import Language
from newsletter.issues.sources.reading import read_issue
from newsletter.message.frame import Identity, MessageFrame, Recipient
from newsletter.message.identifiers import feedback_id
from newsletter.rendering.model import Publisher, RenderedIssue, Slot
from newsletter.rendering.render import render_issue
from newsletter.rendering.slots import fill
from newsletter.samples import sample_issue
from newsletter.settings import Settings
from tests.support.accessible import violations
from tests.support.ports import await_port, free_port

pytestmark = pytest.mark.servers

TEMPLATES = Settings(_env_file=None).templates_dir
SITE = "https://news.example.jp"
TOKEN = "A" * 38
SLOTS: dict[str, str] = {
    Slot.UNSUBSCRIBE_URL: f"{SITE}/u/{TOKEN}",
    Slot.PREFERENCES_URL: f"{SITE}/p/{TOKEN}",
    Slot.VIEW_URL: f"{SITE}/v/{TOKEN}",
}
SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]
SAMPLES = [(Language.JAPANESE, "digest"), (Language.ENGLISH, "letter")]
PUBLISHERS = {
    Language.JAPANESE: Publisher(
        name="まちのデジタル便り",
        sender_name="まちのデジタル便り編集室",
        sender_address="letter@example.jp",
        postal_address="〒100-0000 東京都千代田区例町1-2-3",
    ),
    Language.ENGLISH: Publisher(
        name="Harbour Letter",
        sender_name="Harbour Office",
        sender_address="letter@example.jp",
        postal_address="1-2-3 Rei-cho, Chiyoda, Tokyo",
    ),
}
#: Accepted findings of SpamAssassin and rspamd: they are about a mail without any hops, and about
#: base64, which every body here has.
SPAMASSASSIN_KNOWN = {"NO_RECEIVED", "NO_RELAYS", "HTML_MESSAGE"}
RSPAMD_KNOWN = {
    *("MANY_INVISIBLE_PARTS", "MIME_BASE64_TEXT", "MIME_BASE64_TEXT_BOGUS", "URI_COUNT_ODD"),
}
#: Tables are aligned by attributes for Outlook on Windows, whose VML has its own names.
TIDY_KNOWN = re.compile(
    r'lacks "summary" attribute|attribute "align" not allowed|proprietary attribute '
    r'"(?:xmlns:[vo]|aria-roledescription)"'
)
#: Landmarks belong to a page; a mail is displayed inside a program's page.
AXE_KNOWN = ("landmark-one-main", "region")


def _tool(name: str) -> str:
    """Return the path of a program, or end the test."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed; .ci/run installs it")
        pytest.skip(f"{name} is not installed")
    return found


def _html(language: Language, template: str) -> str:
    return fill(_rendered(language, template).html, SLOTS)


def _rendered(language: Language, template: str) -> RenderedIssue:
    return render_issue(
        read_issue(sample_issue(language), source="sample").issue,
        template=template,
        templates_dir=TEMPLATES,
        publisher=PUBLISHERS[language],
    )


@pytest.fixture(scope="module")
def messages() -> list[bytes]:
    identity = Identity(
        from_name="Harbour Office",
        from_address="letter@example.jp",
        reply_to="office@example.jp",
        list_id="letter.example.jp",
        list_name="Harbour Letter",
        unsubscribe_address="leave@example.jp",
        feedback_id=feedback_id(mailing="1", newsletter="x", kind="issue", domain="example.jp"),
    )
    recipient = Recipient(
        address="reader@example.com",
        name="",
        message_id="1.abcdefghijklmnopqrstuvwx@example.jp",
        unsubscribe_url=SLOTS[Slot.UNSUBSCRIBE_URL],
        unsubscribe_token=TOKEN,
        slots=SLOTS,
    )
    return [
        MessageFrame.compile(_rendered(*sample), identity, date=datetime.now(UTC)).compose(
            recipient
        )
        for sample in SAMPLES
    ]


def test_spamassassin_finds_nothing(messages: list[bytes], tmp_path: Path) -> None:
    program = _tool("spamassassin")
    box = tmp_path / "mails.mbox"
    box.write_bytes(
        b"".join(b"From a@example.jp Thu Jan  1 00:00:00 2026\n" + m + b"\n" for m in messages)
    )
    judged = subprocess.run(  # noqa: S603 - a program of the system's
        [program, "-L", "-t", "--mbox", str(box)],
        capture_output=True,
        env={**os.environ, "HOME": str(tmp_path)},
        check=True,
    ).stdout.decode("utf-8", "replace")
    scores = re.findall(r"Content analysis details:\s+\(([-\d.]+) points", judged)
    rules = re.findall(r"^\s*-?\d+\.\d\s+([A-Z][A-Z0-9_]+)\s", judged, re.MULTILINE)
    assert len(scores) == len(messages)
    assert set(rules) - SPAMASSASSIN_KNOWN == set()
    assert max(map(float, scores)) <= 0


_RSPAMD_OFF = (
    *("rbl", "asn", "fuzzy_check", "spf", "dmarc", "arc", "phishing", "mx_check", "neural"),
    *("greylist", "ratelimit", "replies", "reputation", "url_redirector", "bimi", "dkim_signing"),
    *("history_redis", "metadata_exporter", "hfilter"),
)


@contextmanager
def _rspamd(folder: Path) -> Iterator[int]:
    """Run rspamd with its local rules only; yield its port."""
    program, port = _tool("rspamd"), free_port()
    local = folder / "local.d"
    local.mkdir()
    for name in ("override.d", "db", "run", "log"):
        (folder / name).mkdir()
    (folder / "suffixes").write_text("com\njp\n", encoding="ascii")
    # No nameserver answers at this address; compiling the full list of suffixes takes seconds.
    (local / "options.inc").write_text(
        'dns { nameserver = ["127.0.0.1:1"]; timeout = 0.05s; retransmits = 1; }\n'
        f'url_tld = "{folder}/suffixes";\ndisable_hyperscan = true;\n',
        encoding="ascii",
    )
    (local / "logging.inc").write_text('type = "console"; level = "error";', encoding="ascii")
    (local / "worker-normal.inc").write_text(
        f'bind_socket = "127.0.0.1:{port}"; count = 1;', encoding="ascii"
    )
    for worker in ("proxy", "fuzzy", "controller"):
        (local / f"worker-{worker}.inc").write_text("enabled = false;", encoding="ascii")
    for module in _RSPAMD_OFF:
        (local / f"{module}.conf").write_text("enabled = false;", encoding="ascii")
    places = {"LOCAL_CONFDIR": "", "DBDIR": "/db", "RUNDIR": "/run", "LOGDIR": "/log"}
    with (folder / "rspamd.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - a program of the system's
            [
                *(program, "-c", "/etc/rspamd/rspamd.conf", "-f", "-i"),
                *(f"--var={name}={folder}{below}" for name, below in places.items()),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        await_port(port, seconds=60)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def test_rspamd_finds_nothing_of_weight(messages: list[bytes], tmp_path: Path) -> None:
    client = _tool("rspamc")
    with _rspamd(tmp_path) as port:
        for message in messages:
            judged = subprocess.run(  # noqa: S603 - a program of the system's
                [client, "-h", f"127.0.0.1:{port}"], input=message, capture_output=True, check=True
            ).stdout.decode()
            score = re.search(r"Score: ([-\d.]+) /", judged)
            symbols = re.findall(r"Symbol: ([A-Z0-9_]+) \(([-\d.]+)\)", judged)
            assert score is not None
            assert {name for name, weight in symbols if float(weight) > 0} - RSPAMD_KNOWN == set()
            assert float(score[1]) < 2.5


@pytest.mark.parametrize(("language", "template"), SAMPLES)
def test_an_html_checker_finds_no_error(language: Language, template: str) -> None:
    program = _tool("tidy")
    judged = subprocess.run(  # noqa: S603 - a program of the system's
        [program, "-q", "-e", "-utf8", "--show-info", "no"],
        input=_html(language, template).encode(),
        capture_output=True,
        check=False,
    ).stderr.decode()
    assert [line for line in judged.splitlines() if not TIDY_KNOWN.search(line)] == []


@pytest.mark.parametrize(("language", "template"), SAMPLES)
def test_no_attribute_says_what_its_kind_cannot_hold(language: Language, template: str) -> None:
    html = _html(language, template)
    assert re.findall(r' (?:height|width)="(?!\d+%?")[^"]*"', html) == []
    assert re.findall(r' bgcolor=| vertical-align="|supported-color-schemes', html) == []


def test_the_sizes_are_those_of_the_documentation() -> None:
    said = (Path(__file__).parents[2] / "docs/templates.md").read_text(encoding="utf-8")
    row = re.search(r"^\| HTML \| (\d+) KB \| (\d+) KB \|$", said, re.MULTILINE)
    sizes = [len(_html(*sample).encode()) / 1000 for sample in SAMPLES]
    assert row is not None
    assert [abs(size - int(told)) < 1 for size, told in zip(sizes, row.groups(), strict=True)] == [
        True,
        True,
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("language", "template"), SAMPLES)
def test_axe_finds_nothing(
    browser: Browser, language: Language, template: str, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 720}, color_scheme=scheme)
    page = context.new_page()
    page.set_content(_html(language, template))
    found = [fault for fault in violations(page) if not fault.startswith(AXE_KNOWN)]
    small = page.eval_on_selector_all(
        "a[href]",
        "links => links.filter(a => a.offsetParent && a.getBoundingClientRect().height < 24)"
        ".map(a => a.textContent)",
    )
    controls = page.eval_on_selector_all(
        "a.control",
        "links => links.filter(a => a.offsetParent).map(a => a.getBoundingClientRect().height)",
    )
    context.close()
    assert found == []
    assert small == []
    assert min(controls) >= 44
