"""To whom, when and how an issue is to be sent, as a form or an address says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Form, Request

from newsletter.mailings.approvals.requests import SendingPlan
from newsletter.mailings.ledger.schedule import Schedule, read_hour, read_spread

_Field = Annotated[str, Form(max_length=4000)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What the form says, as it says it; a confirmation carries it along."""

    segment: str = ""
    when: str = "now"
    hour: str = ""
    everywhere: bool = False
    over: str = "0"
    urgent: bool = False

    @classmethod
    def asked_in(cls, request: Request) -> Choice:
        """Return what a page's address says was chosen."""
        asked = request.query_params
        return cls(
            segment=asked.get("segment", ""),
            when=asked.get("when", "now"),
            hour=asked.get("hour", ""),
            everywhere=bool(asked.get("everywhere")),
            over=asked.get("over", "0"),
            urgent=bool(asked.get("urgent")),
        )

    def query(self) -> str:
        """Return it as the query of an address; empty where nothing was chosen."""
        if self == Choice():
            return ""
        fields = {"segment": self.segment, "when": self.when, "hour": self.hour, "over": self.over}
        boxes = {"everywhere": self.everywhere, "urgent": self.urgent}
        return urlencode(fields | {name: "1" for name, ticked in boxes.items() if ticked})

    def schedule(self) -> Schedule:
        """Return the hour chosen.

        Raises:
            ContentError: It is none.
            ConflictError: It would take less than nothing or more than a week.
        """
        later = self.when == "later"
        return Schedule(
            hour=read_hour(self.hour) if later else None,
            everywhere=self.everywhere and later,
            spread=read_spread(self.over),
        )

    def plan(self) -> SendingPlan:
        """Return it as what an approver is shown.

        Raises:
            ContentError: The hour is none.
            ConflictError: It would take less than nothing or more than a week.
        """
        return SendingPlan(segment=self.segment, schedule=self.schedule(), urgent=self.urgent)


def read_choice(
    segment: _Field = "",
    when: _Field = "now",
    hour: _Field = "",
    everywhere: _Field = "",
    over: _Field = "0",
    urgent: _Field = "",
) -> Choice:
    """Read a submitted form."""
    return Choice(
        segment=segment,
        when=when,
        hour=hour,
        everywhere=bool(everywhere),
        over=over,
        urgent=bool(urgent),
    )


ChoiceForm = Annotated[Choice, Depends(read_choice)]
