"""How figures and times are written in pages: the filters of the templates."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def number(value: float) -> str:
    """With spaces between thousands, as no language reads them wrongly: ``12 345``."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def size(value: float) -> str:
    """Bytes, to three figures: ``1.21 GiB``."""
    step = 0
    while value >= 1024 and step < len(_SIZES) - 1:
        value, step = value / 1024, step + 1
    text = f"{value:.0f}" if step == 0 or value >= 100 else f"{value:.3g}"
    return f"{text} {_SIZES[step]}"


def duration(seconds: float | None) -> str:
    """Seconds, in the unit that suits: ``850 µs``, ``12 ms``, ``3.4 s``, ``5 min 2 s``, ``3 d``."""
    if seconds is None:
        return "\N{EN DASH}"
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1, 1e3, "ms"), (60, 1, "s")):
        if seconds < limit:
            value = seconds * factor
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.2g} {unit}"
    for length, unit, part_s, part in (
        (3600, "min", 60, "s"),
        (86_400, "h", 3600, "min"),
        (float("inf"), "d", 86_400, "h"),
    ):
        if seconds < length:
            whole, rest = divmod(int(seconds), part_s)
            below = rest // {"s": 1, "min": 60, "h": 3600}[part]
            return f"{whole} {unit} {below} {part}" if below else f"{whole} {unit}"
    raise AssertionError("unreachable: the last length has no end")


def share(percent: float) -> str:
    """To a tenth, and never 100 % of what is less: ``99.9 %``."""
    text = f"{min(percent, 99.9) if percent < 100 else percent:.1f}"
    return f"{text.removesuffix('.0')} %"


def moment(at: datetime) -> str:
    """In UTC, for readers without scripts; with them it is written in their zone."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(at: datetime) -> str:
    """RFC 3339, for ``datetime`` attributes."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def part(value: str) -> str:
    """A name as a part of an address."""
    return urllib.parse.quote(value, safe="")


def person(actor: str) -> str:
    """Who did something, as the audit log names them (``user:anna``), for people: ``anna``."""
    kind, _, name = actor.partition(":")
    return {"user": name, "token": f"the token {name}"}.get(kind, actor) if name else actor


def sentence(value: str) -> str:
    """A text of an error as a sentence begins; the rest stays, as names and units are written."""
    return value[:1].upper() + value[1:]


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "number": number,
    "size": size,
    "duration": duration,
    "share": share,
    "moment": moment,
    "iso": iso,
    "part": part,
    "person": person,
    "sentence": sentence,
}
