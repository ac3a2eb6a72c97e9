"""``firesteel compact``: rewrite the store's file, without a node."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from firesteel.cli.exit_codes import CommandFailed
from firesteel.cli.output import Output

_HINTS = {"store_in_use": "stop the node first", "disk_full": "it needs as much again as the file"}


def compact(
    output: Output,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="Data directory of the node; left out: as the settings."),
    ] = None,
) -> None:
    """Rewrite the store's file while its node is stopped: room that holds nothing goes back to the
    disk, and no trace is left in the file of what was deleted or erased. A store on PostgreSQL has
    VACUUM FULL for that.

    [bold]Examples[/bold]

      firesteel compact --data-dir /var/lib/firesteel
    """
    from firesteel.errors import FiresteelError
    from firesteel.settings import load_settings
    from firesteel.store.sqlite.compacting import compact as compact_file

    settings = load_settings({"data_dir": data_dir and str(data_dir)}, os.environ, None)
    if settings.store_path is None:
        detail = "the store is a PostgreSQL database: VACUUM FULL does this there"
        raise CommandFailed(detail, code="compact_unsupported")
    try:
        before, after = compact_file(settings.store_path)
    except FiresteelError as error:
        hint = _HINTS.get(error.code, "")
        raise CommandFailed(f"{error.detail} [{error.code}]", code=error.code, hint=hint) from error
    text = f"{before // 1024:,} KiB before, {after // 1024:,} KiB now"
    output.result({"before_bytes": before, "after_bytes": after}, text)
