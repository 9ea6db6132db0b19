"""Charts as numbers that a template draws; each page also shows the figures in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsletter.database.vocabulary import DeliveryState

#: The states from the axis upwards, from best to worst.
STACK = (
    DeliveryState.ACCEPTED,
    DeliveryState.UNCERTAIN,
    DeliveryState.SKIPPED,
    DeliveryState.REJECTED,
    DeliveryState.FAILED,
)
WIDTH, HEIGHT = 720, 180
_LEFT, _BOTTOM, _TOP = 72, 6, 10
#: The width of bars is that of at least this number of bars.
_SLOTS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class BarSegment:
    """A rectangle for one state, in the units of the picture."""

    x: float
    y: float
    width: float
    height: float
    state: DeliveryState


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """Stacked bars and the end of the axis."""

    pieces: Sequence[BarSegment]
    top: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    axis: int = HEIGHT - _BOTTOM
    ceiling: int = _TOP
    slots: int = _SLOTS


def stacked_bars(bars: Sequence[Mapping[DeliveryState, int]]) -> Chart:
    """Return stacked bars from left to right."""
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
    """A line above an axis at zero, as SVG points."""

    points: str
    area: str
    last: tuple[float, float]
    top: int
    width: int = 320
    height: int = 84


def line_chart(counts: Sequence[int]) -> ChartLine:
    """Return a line from left to right; it lies on the axis if all counts are zero."""
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
    """A rectangle above or below the axis, in the units of the picture."""

    x: float
    y: float
    width: float
    height: float
    rises: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class BalanceChart:
    """Bars above an axis for gains, and below it for losses.

    Attributes:
        top: The value of the upper end; ``bottom`` is that of the lower end without sign.
        axis: The position of the axis.
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
    """Return bars for pairs of gains and losses from left to right, in one scale."""
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
