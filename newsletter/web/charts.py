"""Charts: bars as numbers that a template draws; the same figures always stand in a table too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsletter.database.vocabulary import DeliveryState

#: From the axis up, best to worst.
STACK = (
    DeliveryState.ACCEPTED,
    DeliveryState.UNCERTAIN,
    DeliveryState.SKIPPED,
    DeliveryState.REJECTED,
    DeliveryState.FAILED,
)
WIDTH, HEIGHT = 720, 180
_LEFT, _BOTTOM, _TOP = 72, 6, 10
#: Fewer bars do not grow wider than if there were so many.
_SLOTS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class BarSegment:
    """A rectangle of one state, in the picture's units."""

    x: float
    y: float
    width: float
    height: float
    state: DeliveryState


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """Stacked bars with the axis' end."""

    pieces: Sequence[BarSegment]
    top: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    axis: int = HEIGHT - _BOTTOM
    ceiling: int = _TOP
    slots: int = _SLOTS


def stacked_bars(bars: Sequence[Mapping[DeliveryState, int]]) -> Chart:
    """Lay bars out from left to right."""
    top = max((sum(bar.get(state, 0) for state in STACK) for bar in bars), default=0)
    step = (WIDTH - _LEFT) / max(len(bars), _SLOTS)
    room = HEIGHT - _BOTTOM - _TOP
    pieces = []
    for place, bar in enumerate(bars):
        y = float(HEIGHT - _BOTTOM)
        for state in STACK:
            if count := bar.get(state, 0):
                height = room * count / top
                y -= height
                pieces.append(
                    BarSegment(
                        x=round(_LEFT + place * step + 1, 2),
                        y=round(y, 2),
                        width=round(max(step - 2, 1), 2),
                        height=round(height, 2),
                        state=state,
                    )
                )
    return Chart(pieces=pieces, top=top)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartLine:
    """A line over an axis that begins at zero, as SVG has its points."""

    points: str
    area: str
    last: tuple[float, float]
    top: int
    width: int = 320
    height: int = 84


def line_chart(counts: Sequence[int]) -> ChartLine:
    """Lay a line out from left to right; all of it lies on the axis where there is nothing."""
    width, height, room = 320, 84, 70
    top = max((*counts, 1))
    step = (width - 8) / max(len(counts) - 1, 1)
    places = [
        (round(4 + place * step, 1), round(height - 6 - room * count / top, 1))
        for place, count in enumerate(counts)
    ]
    points = " ".join(f"{x},{y}" for x, y in places)
    area = f"4,{height - 6} {points} {places[-1][0]},{height - 6}" if places else ""
    return ChartLine(points=points, area=area, last=places[-1] if places else (0, 0), top=top)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A rectangle above or below the axis, in the picture's units."""

    x: float
    y: float
    width: float
    height: float
    rises: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class BalanceChart:
    """Bars that rise from an axis by what came, and hang from it by what went.

    Attributes:
        top: What the upper end stands for; ``bottom`` the lower one, without its sign.
        axis: Where the axis lies.
    """

    bars: Sequence[Bar]
    top: int
    bottom: int
    axis: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    ceiling: int = _TOP
    floor: int = HEIGHT - _TOP


def balance_bars(pairs: Sequence[tuple[int, int]]) -> BalanceChart:
    """Lay out from left to right what came and what went; both are drawn to one scale."""
    top = max((came for came, _ in pairs), default=0)
    bottom = max((went for _, went in pairs), default=0)
    room = HEIGHT - 2 * _TOP
    scale = room / max(top + bottom, 1)
    axis = round(_TOP + top * scale, 2)
    step = (WIDTH - _LEFT) / max(len(pairs), _SLOTS)
    bars = [
        Bar(
            x=round(_LEFT + place * step + 1, 2),
            y=round(axis - count * scale, 2) if rises else axis,
            width=round(max(step - 2, 1), 2),
            height=round(count * scale, 2),
            rises=rises,
        )
        for place, pair in enumerate(pairs)
        for count, rises in zip(pair, (True, False), strict=True)
        if count
    ]
    return BalanceChart(bars=bars, top=top, bottom=bottom, axis=axis)
