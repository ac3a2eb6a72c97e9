"""``firesteel storage``: what the store takes, what is kept, and what goes next."""

from __future__ import annotations

from typing import Any, Final

from firesteel.cli.command import Session  # read by Typer

_KIB: Final = 1024
_DAY_S: Final = 86_400


def storage(session: Session) -> None:
    """Show what the store takes on disk, how long messages are kept, and what retention lets go
    within a day. Bytes of payloads are reckoned from samples.

    [bold]Examples[/bold]

      firesteel storage

      firesteel storage --json | jq .free_bytes
    """
    found = session.client.get("/storage")
    output = session.output
    output.result(found)
    output.say(
        f"store    {_size(found['store_bytes'])}: payloads {_size(found['payload_bytes'])}, "
        + ("" if found["index_bytes"] is None else f"indices {_size(found['index_bytes'])}, ")
        + f"empty {_size(found['reusable_bytes'])}"
    )
    if found["free_bytes"] is not None:
        output.say(
            f"disk     {_size(found['free_bytes'])} free of {_size(found['disk_bytes'])}; below "
            f"{_size(found['reserve_bytes'])} calls get 503"
        )
    archive = found["archive"]
    output.say(
        f"archive  {_size(archive['size_bytes'])} in {archive['files']:,} files: "
        f"{archive['directory']}"
    )
    if archive["fault"]:
        output.warn(f"nothing that is to be archived is let go: {archive['fault']}")
    if found["purged_by"]:
        output.warn(
            f"this node purges nothing: {found['purged_by']} archives by its settings, this one "
            "does not"
        )
    output.say("")
    output.columns(
        (
            *("workspace", "integration", "executions", "payloads", "oldest", "history"),
            *("payloads for", "archive", "goes in a day", "frees"),
        ),
        [_row(item) for item in found["integrations"]],
    )


def _row(item: dict[str, Any]) -> tuple[object, ...]:
    return (
        item["workspace"],
        item["integration"],
        item["executions"],
        _size(item["payload_bytes"]),
        (item["oldest_received_at"] or "-")[:10],
        _days(item["history_days"]),
        _days(item["payloads_days"]),
        _size(item["archive_bytes"]) if item["archive"] or item["archive_bytes"] else "no",
        item["going_messages"],
        _size(item["going_bytes"]),
    )


def _size(size_bytes: float) -> str:
    """With the unit that leaves at most four digits."""
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    for unit in units[:-1]:
        if size_bytes < 10 * _KIB:
            return f"{size_bytes:,.0f} {unit}"
        size_bytes /= _KIB
    return f"{size_bytes:,.0f} {units[-1]}"


def _days(days: float) -> str:
    return f"{days:g}d" if days >= 1 else f"{days * _DAY_S / 3600:g}h"
