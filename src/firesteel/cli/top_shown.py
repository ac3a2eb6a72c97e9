"""How ``firesteel top`` shows its figures: a picture for Rich."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from firesteel.cli.top_figures import Figures, IntegrationFigures, NodeFigures

_LANES = 8
_KIB = 1024.0
_TITLES = {
    "rate": "calls/s",
    "failed": "failed/s",
    "waiting": "waiting",
    "oldest": "oldest",
    "name": "integration",
}


def picture(figures: Figures, by: str, *, rows: int | None = None, note: str = "") -> Group:
    """All of it; ``rows``: integrations at most, so that it fits the screen."""
    parts: list[RenderableType] = [_head(figures.node), Text("")]
    shown = figures.sorted(by)
    parts.append(_integrations(shown[:rows], by))
    if rows is not None and len(shown) > rows:
        parts.append(Text(f"... and {len(shown) - rows} more", style="dim"))
    if figures.lanes:
        parts += [Text(""), _lanes(figures.lanes)]
    if note:
        parts += [Text(""), Text(note, style="dim")]
    return Group(*parts)


def _head(node: NodeFigures) -> Text:
    text = Text()
    text.append(f"firesteel {node.version} ", style="bold")
    text.append(f"{plain(node.node)}  ")
    if node.refusing:
        text.append(f"refusing calls: {plain(node.refusing)}", style="bold red")
    elif not node.store_available:
        text.append("the store does not answer", style="bold red")
    else:
        text.append("accepting", style="green")
    text.append(
        f"\ncalls {rate(node.calls)}/s, 4xx {rate(node.errors_4xx)}/s, "
        f"5xx {rate(node.errors_5xx)}/s; accepted in {seconds(node.accept_p50_s)} (p50), "
        f"{seconds(node.accept_p99_s)} (p99)"
    )
    text.append(
        f"\nwaiting {node.waiting}, oldest {age(node.oldest_s)}, running {node.running}; "
        f"{node.callers} callers wait, {node.connections} connections"
    )
    size = "-" if node.commit_size is None else f"{node.commit_size:.1f}"
    text.append(
        f"\nworkers {node.workers}, busy {node.workers_busy}; attempts {node.attempts} of "
        f"{node.slots}, queued {node.queued}; commit {seconds(node.commit_s)} for {size}; "
        f"store {_bytes(node.store_bytes)}"
    )
    return text


def _integrations(shown: list[IntegrationFigures], by: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(_title("integration", by), overflow="ellipsis", no_wrap=True, min_width=11)
    for title in (
        *("calls/s", "refused/s", "ended/s", "failed/s", "retries/s"),
        *("p99", "waiting", "running", "oldest"),
    ):
        table.add_column(_title(title, by), justify="right", no_wrap=True)
    several = len({one.workspace for one in shown}) > 1
    for one in shown:
        name = f"{one.workspace}/{one.integration}" if several else one.integration
        table.add_row(
            plain(name),
            rate(one.calls),
            rate(one.refused),
            rate(one.ended),
            Text(rate(one.failed), style="red" if one.failed else ""),
            Text(rate(one.retries), style="yellow" if one.retries else ""),
            seconds(one.settle_p99_s),
            str(one.waiting),
            str(one.running),
            age(one.oldest_s) if one.waiting else "-",
        )
    return table


def _title(title: str, by: str) -> str:
    return f"{title} v" if _TITLES[by] == title else title


def _lanes(lanes: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("lanes that wait", "lane", "waiting", "oldest", "why"):
        table.add_column(title, no_wrap=True, overflow="ellipsis")
    for lane in lanes[:_LANES]:
        key = "(all)" if lane["key"] is None else lane["key"] or '""'
        why = f"paused: {lane['paused_because']}" if lane["paused"] else lane["head_reason"] or ""
        table.add_row(
            plain(lane["integration"]),
            plain(key),
            str(lane["waiting"]),
            age(_since_s(lane["oldest_received_at"])),
            Text(plain(why), style="yellow" if lane["paused"] else ""),
        )
    return table


def _since_s(at: str | None) -> float:
    if at is None:
        return 0.0
    return max((datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds(), 0.0)


def plain(text: str) -> str:
    """Without control characters, which may come from callers and must not reach a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


def rate(value: float) -> str:
    """Per second."""
    return f"{value:.0f}" if value >= 100 or value == 0 else f"{value:.1f}"


def seconds(value: float | None) -> str:
    """A duration in the unit that fits."""
    if value is None:
        return "-"
    return f"{value * 1000:.3g} ms" if value < 1 else age(value)


def age(value: float) -> str:
    """Of something that waits."""
    if value < 60:
        return f"{value:.0f} s"
    if value < 3600:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h"


def _bytes(value: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < _KIB:
            return f"{value:.0f} {unit}"
        value /= _KIB
    return f"{value:.1f} TiB"
