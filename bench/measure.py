"""Rows of figures: what we reach, what a reference reaches on the same machine in the same run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One measurement.

    Attributes:
        reference: None where there is nothing to compare with.
        aim: What the ratio should be: ``>=0.8``, ``<=2``; empty for none.
    """

    row: str
    ours: float
    reference: float | None
    unit: str
    aim: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours by the reference."""
        return None if not self.reference else self.ours / self.reference

    @property
    def reached(self) -> bool | None:
        """Whether the aim is reached; None without one."""
        if not self.aim or self.ratio is None:
            return None
        limit = float(self.aim.lstrip("<>="))
        return self.ratio >= limit if self.aim.startswith(">") else self.ratio <= limit


def rate(action: Callable[[], object], *, seconds: float = 2.0) -> float:
    """Return how often a second ``action`` can be done, by the processor time of this process."""
    action()
    count, began, spent = 0, time.process_time(), 0.0
    while spent < seconds:
        for _ in range(10):
            action()
        count += 10
        spent = time.process_time() - began
    return count / spent


def report(rows: Sequence[Row], path: Path) -> None:
    """Print the rows as a table and write them as JSON."""
    table = Table(title=f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    table.add_column("measurement")
    for name in ("ours", "reference", "unit", "ratio", "aim", ""):
        table.add_column(name, justify="right")
    for row in rows:
        mark = {True: "reached", False: "missed", None: ""}[row.reached]
        table.add_row(
            row.row,
            f"{row.ours:,.1f}",
            "" if row.reference is None else f"{row.reference:,.1f}",
            row.unit,
            "" if row.ratio is None else f"{row.ratio:.2f}",
            row.aim,
            mark,
        )
    Console(width=150).print(table)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([{**asdict(row), "ratio": row.ratio} for row in rows], indent=1))
