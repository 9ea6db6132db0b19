"""The journal: what a dead worker leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.database.vocabulary import DeliveryState
from newsletter.mailings.ledger.outcomes import Outcome
from tests.conftest import missing
from tests.support.ports import await_condition
from tests.support.power import power_of
from workers.journal import (
    Journal,
    JournalReading,
    forget_closed,
    read_closed,
    read_orphans,
)

pytestmark = pytest.mark.servers

_FORCING = """
import sys
from pathlib import Path
from newsletter.database.vocabulary import DeliveryState
from newsletter.mailings.ledger.outcomes import Outcome
from workers.journal import Journal
journal = Journal(Path(sys.argv[1]), "token", identity="seven")
journal.intent(1, 0, 0)
journal.outcome(Outcome(position=1, state=DeliveryState.ACCEPTED, code=250))
journal.force()
journal.intent(2, 0, 0)
"""
_WRITER = """
import sys, time
from pathlib import Path
from newsletter.database.vocabulary import DeliveryState
from newsletter.mailings.ledger.outcomes import Outcome
from workers.journal import Journal
journal = Journal(Path(sys.argv[1]), "token", identity="seven")
journal.intent(1, 0, 0)
journal.outcome(Outcome(position=1, state=DeliveryState.ACCEPTED, code=250))
journal.intent(2, 0, 0)
Path(sys.argv[1], "ready").touch()
time.sleep(600)
"""


def _killed_writer(folder: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", _WRITER, str(folder)])  # noqa: S603
    await_condition((folder / "ready").exists, seconds=60, what="the journal")
    assert list(read_orphans(folder)) == []
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def _only(folder: Path) -> JournalReading:
    (reading,) = read_orphans(folder)
    return reading


def test_a_killed_writer_leaves_what_it_did_and_what_is_in_doubt(tmp_path: Path) -> None:
    _killed_writer(tmp_path)
    reading = _only(tmp_path)
    assert [(outcome.position, outcome.state) for outcome in reading.outcomes] == [
        (1, DeliveryState.ACCEPTED)
    ]
    assert (reading.in_doubt, reading.identity, reading.trusted) == ({2: (0, 0)}, "seven", True)


def test_what_was_forced_outlives_the_power(tmp_path: Path) -> None:
    folder = tmp_path / "host"
    folder.mkdir()
    power = power_of(folder, tmp_path)
    if power is None:
        missing("a C compiler")
    subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _FORCING, str(folder)],
        env=os.environ | power.environment,
        check=True,
    )
    power.cut()
    reading = _only(folder)
    assert [outcome.position for outcome in reading.outcomes] == [1]
    assert not reading.in_doubt


def test_the_silence_of_a_journal_from_before_a_reboot_proves_nothing(tmp_path: Path) -> None:
    _killed_writer(tmp_path)
    path = tmp_path / "token.journal"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    path.write_text(path.read_text().replace(boot, "another-boot"))
    assert not _only(tmp_path).trusted


@given(cut=st.integers(min_value=1, max_value=400))
def test_a_torn_last_line_never_happened(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder, "token", identity="one")
    for position in (1, 2, 3):
        journal.intent(position, 0, 0)
        journal.outcome(Outcome(position=position, state=DeliveryState.ACCEPTED, code=250))
    os.close(journal._file)
    path = folder / "token.journal"
    octets = path.read_bytes()
    header = octets.index(b"\n") + 1
    path.write_bytes(octets[: max(header, len(octets) - cut)])
    reading = _only(folder)
    done = {outcome.position for outcome in reading.outcomes}
    assert done == set(range(1, len(done) + 1))
    assert set(reading.in_doubt) <= {len(done) + 1}


def test_a_closed_journal_is_kept_for_its_hours(tmp_path: Path) -> None:
    Journal(tmp_path, "token", identity="one").close()
    assert list(read_orphans(tmp_path)) == []
    assert [reading.token for reading in read_closed(tmp_path)] == ["token"]
    forget_closed(tmp_path, hours=1)
    assert [reading.token for reading in read_closed(tmp_path)] == ["token"]
    forget_closed(tmp_path, hours=-1)
    assert list(read_closed(tmp_path)) == []


_FULL = """
import resource, signal, sys
from pathlib import Path
from workers.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path(sys.argv[1]), "token", identity="seven")
journal.intent(1, 0, 0)
size = Path(sys.argv[1], "token.journal").stat().st_size
# A disk with room for four octets more takes as many of a line, and reports no error.
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4, size + 4))
try:
    journal.intent(1234567, 0, 0)
except OSError:
    print("refused")
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4, size + 4))
journal.retract(1)
"""


def test_a_line_that_the_disk_took_in_part_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "refused\n"
    reading = _only(tmp_path)
    assert (reading.trusted, reading.in_doubt) == (True, {})


@pytest.mark.parametrize("octets", [b"", b"\0" * 64, b"{}\n", b"[1]\ni 1\n"])
def test_of_a_journal_that_lost_its_head_not_even_the_silence_is_believed(
    tmp_path: Path, octets: bytes
) -> None:
    (tmp_path / "token.journal").write_bytes(octets)
    reading = _only(tmp_path)
    assert (reading.token, reading.identity, reading.trusted) == ("token", None, False)


def test_a_damaged_line_costs_the_journal_its_trust_and_nothing_else(tmp_path: Path) -> None:
    _killed_writer(tmp_path)
    path = tmp_path / "token.journal"
    path.write_bytes(path.read_bytes() + b"i \0\0\0\no [1]\n")
    reading = _only(tmp_path)
    assert [outcome.position for outcome in reading.outcomes] == [1]
    assert (reading.in_doubt, reading.trusted) == ({2: (0, 0)}, False)
