"""``firesteel compact``: rewrite the store's file, without a node."""

from __future__ import annotations

from firesteel.cli.exit_codes import CommandFailed
from firesteel.cli.installed import DATA_DIR, PROJECT, settings_of
from firesteel.cli.output import Output

_HINTS = {"store_in_use": "stop the node first", "disk_full": "it needs as much again as the file"}


def compact(
    output: Output,
    project: PROJECT = None,
    data_dir: DATA_DIR = None,
) -> None:
    """Rewrite the store's file while its node is stopped: room that holds nothing goes back to the
    disk, and no trace is left in the file of what was deleted or erased. A store on PostgreSQL has
    VACUUM FULL for that.

    [bold]Examples[/bold]

      firesteel compact --data-dir /var/lib/firesteel
    """
    from firesteel.errors import FiresteelError
    from firesteel.store.sqlite.compacting import compact as compact_file

    settings = settings_of(project, data_dir)
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
