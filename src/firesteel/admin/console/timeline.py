"""An execution's steps and attempts as bars along the time that it took, for a chart in SVG."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from firesteel.admin import shapes

WIDTH: Final = 1000
MOST_BARS: Final = 200
# A bar narrower than this would not be seen.
_NARROWEST: Final = 3.0

BarKind = Literal["step", "attempt"]
_Span = shapes.StepShape | shapes.AttemptShape


@dataclass(frozen=True, slots=True)
class Bar:
    """A step, or an attempt that did not succeed. ``x`` and ``width`` are of WIDTH; ``seconds`` is
    how long it took, ``after_s`` when it began. ``detail``: the step itself."""

    text: str
    kind: BarKind
    x: float
    width: float
    seconds: float
    after_s: float
    attempt: int
    detail: shapes.StepShape | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """``seconds``: from the first beginning to the last end. ``waited_s``: from the receipt of the
    message, or of what it repeats, to the first beginning; of replays it says nothing and is None.
    ``left_out``: bars beyond MOST_BARS."""

    bars: list[Bar]
    seconds: float
    waited_s: float | None
    left_out: int


def timeline(execution: shapes.ExecutionShape) -> Timeline | None:
    """None where nothing has begun and ended yet."""
    spans: list[_Span] = [*execution.steps, *execution.failed_attempts]
    if not spans:
        return None
    spans.sort(key=lambda span: (span.started_at, isinstance(span, shapes.StepShape)))
    first, last = spans[0].started_at, max(span.ended_at for span in spans)
    whole_s = (last - first).total_seconds()
    waited_s = (first - execution.received_at).total_seconds() if execution.run == 1 else None
    bars = [_bar(span, first, whole_s) for span in spans[:MOST_BARS]]
    return Timeline(bars, whole_s, waited_s, len(spans) - len(bars))


def _bar(span: _Span, first: datetime, whole_s: float) -> Bar:
    after_s = (span.started_at - first).total_seconds()
    seconds = max(0.0, (span.ended_at - span.started_at).total_seconds())
    scale = WIDTH / whole_s if whole_s > 0 else 0.0
    width = min(max(seconds * scale, _NARROWEST), WIDTH) if scale else float(WIDTH)
    x = max(0.0, min(after_s * scale, WIDTH - width))
    step = span if isinstance(span, shapes.StepShape) else None
    return Bar(
        text=step.step if step else f"Attempt {span.attempt}",
        kind="step" if step else "attempt",
        x=round(x, 1),
        width=round(width, 1),
        seconds=seconds,
        after_s=after_s,
        attempt=span.attempt,
        detail=step,
    )
