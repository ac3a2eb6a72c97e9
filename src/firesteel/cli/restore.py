"""``firesteel restore``: a back-up becomes a store again, without a node."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firesteel.cli.copying_shown import shown_copying
from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.cli.installed import PROJECT, settings_of
from firesteel.cli.output import Output

if TYPE_CHECKING:
    from firesteel.settings import Settings
    from firesteel.store.sqlite.restoring import BackUp, Restored

_HINTS = {
    "store_in_use": "stop the node first",
    "store_newer": "`firesteel --version` tells the release; docs/how-to/back-up.md",
    "wrong_encryption_key": "name the file with the store's key: --key-file",
    "encryption_key_missing": "name the file with the store's key: --key-file",
    "store_exists": "--replace sets it aside; --data-dir names another folder",
}
_SHA256_LENGTH = 64


def restore(
    output: Output,
    file: Annotated[Path, typer.Argument(help="The back-up.")],
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            help="Data directory to restore into, made where it is not there; left out: as the "
            "settings.",
        ),
    ] = None,
    project: PROJECT = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file",
            help="File with the store's encryption key, which is copied into the data directory; "
            "left out: the setting, or encryption.key in the data directory or beside the back-up.",
        ),
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option("--sha256", help="The checksum that `firesteel backup` printed."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Set a store that is there aside, under another name."),
    ] = False,
) -> None:
    """Make a store of a back-up. It starts paused: the next `firesteel serve` on it accepts calls,
    says what would run again, and runs nothing until `firesteel resume`.

    The back-up is only read. It is refused where it is damaged, was written by a newer release, or
    where the encryption key is not the store's. The new store appears whole or not at all.

    [bold]Examples[/bold]

      firesteel restore /backups/monday.db --data-dir restored --key-file /safe/encryption.key

      firesteel restore /backups/monday.db --replace
    """
    from firesteel.errors import FiresteelError

    settings = settings_of(project, data_dir)
    try:
        backup, restored, key_id = _restored(
            output, settings, file, key_file=key_file, sha256=sha256, replace=replace
        )
    except FiresteelError as error:
        hint = _HINTS.get(error.code, "")
        raise CommandFailed(f"{error.detail} [{error.code}]", code=error.code, hint=hint) from error
    output.result(_described(settings, backup, restored, key_id))
    _say(output, settings, backup, restored)


def _restored(
    output: Output,
    settings: Settings,
    file: Path,
    *,
    key_file: Path | None,
    sha256: str | None,
    replace: bool,
) -> tuple[BackUp, Restored, str | None]:
    import shutil

    from firesteel.errors import OperatorError
    from firesteel.store.sqlite.restoring import Wanted, examine
    from firesteel.store.sqlite.restoring import restore as restore_file
    from firesteel.store.sqlite.safety import check_directory

    store = settings.store_path
    if store is None:
        detail = "the store is a PostgreSQL database: pg_restore does this there, and then "
        raise OperatorError(detail + "`firesteel serve --paused`", code="restore_unsupported")
    backup = examine(file)
    key, to_write = _key(settings, backup, key_file)
    check_directory(store.parent)
    check_directory(settings.data_dir)
    total_bytes = shutil.disk_usage(store.parent).total
    wanted = Wanted(
        sha256=_checksum(sha256),
        replace=replace,
        reserve_bytes=min(settings.disk_reserve_bytes, total_bytes // 20),
    )
    with shown_copying(output) as told:
        restored = restore_file(backup, store, wanted, told)
    key_id = None
    if key is not None:
        from firesteel.engine.data_keys import key_id as id_of
        from firesteel.engine.key_file import put_key

        key_id = id_of(key).hex()
        if to_write:
            put_key(settings.data_dir, key)
    return backup, restored, key_id


def _key(settings: Settings, backup: BackUp, key_file: Path | None) -> tuple[bytes | None, bool]:
    """The store's key, held against the back-up, and whether it has to be written. Raises
    OperatorError ``encryption_key_missing``, ``wrong_encryption_key`` and what reading it
    raises."""
    from firesteel.engine.key_chest import check
    from firesteel.engine.key_file import KEY_FILE, read_key
    from firesteel.errors import OperatorError

    if backup.envelope is None:
        return None, False
    own, beside = settings.data_dir / KEY_FILE, backup.file.with_name(KEY_FILE)
    key: bytes | None = None
    if key_file is not None:
        key = read_key(key_file)
    elif settings.encryption_key is not None:
        key = settings.encryption_key
    else:
        found = next((path for path in (own, beside) if path.exists()), None)
        key = None if found is None else read_key(found)
    if key is None:
        raise OperatorError(
            f"the secrets in the back-up are sealed: its encryption key is needed{_ids(backup)}",
            code="encryption_key_missing",
        )
    try:
        check(key, backup.envelope)
    except OperatorError as error:
        if error.code != "wrong_encryption_key":
            raise
        from firesteel.engine.data_keys import key_id

        raise OperatorError(
            f"the key {key_id(key).hex()} does not open the secrets in the back-up"
            f"{_ids(backup).replace(', the one', '; needed is the one')}; nothing was restored",
            code=error.code,
        ) from error
    return key, settings.encryption_key is None


def _ids(backup: BackUp) -> str:
    """Which key is needed, where the store says so."""
    from firesteel.engine.data_keys import Envelope

    if backup.envelope is None or not backup.envelope.startswith("{"):
        return ""
    return f", the one with the id {' or '.join(Envelope.parse(backup.envelope).sealed)}"


def _checksum(text: str | None) -> str | None:
    given = None if text is None else text.strip().lower()
    if given is not None and (len(given) != _SHA256_LENGTH or set(given) - set("0123456789abcdef")):
        raise CommandFailed(
            "--sha256 takes 64 hexadecimal digits", exit_code=Exit.USAGE, code="usage"
        )
    return given


def _described(
    settings: Settings, backup: BackUp, restored: Restored, key_id: str | None
) -> dict[str, Any]:
    """For machines."""
    from firesteel.admin.times import written

    return {
        "store": str(settings.store_path),
        "size_bytes": backup.size_bytes,
        "sha256": restored.sha256,
        "schema": backup.revision,
        "migrates_at_start": backup.older,
        "encryption_key_id": key_id,
        "messages": restored.counted.messages,
        "executions": restored.counted.executions,
        "set_aside": None if restored.set_aside is None else str(restored.set_aside),
        "paused": True,
        "would_run": [
            {
                "workspace": item.workspace,
                "integration": item.integration,
                "waiting": item.waiting,
                "running": item.running,
                "oldest_received_at": written(item.oldest_received_at_us).isoformat(),
            }
            for item in restored.unfinished
        ],
    }


def _say(output: Output, settings: Settings, backup: BackUp, restored: Restored) -> None:
    size_mib = backup.size_bytes / 1024**2
    output.say(f"restored {settings.store_path} ({size_mib:.1f} MiB, sha256 {restored.sha256})")
    states = restored.counted.executions
    executions = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items()))
    output.say(f"{restored.counted.messages:,} messages; executions: {executions or 'none'}")
    if backup.older:
        output.say(f"schema {backup.revision}: the first start brings it to this release's form")
    if restored.set_aside is not None:
        output.say(f"the store that was there is now {restored.set_aside}")
    output.say("")
    running = sum(item.running for item in restored.unfinished)
    total = running + sum(item.waiting for item in restored.unfinished)
    if not total:
        output.say("It starts paused; nothing in it would run again.")
        return
    output.say(
        f"It starts paused. {total:,} executions would run again; {running:,} of them were running "
        "when the copy was made:"
    )
    output.columns(
        ("workspace", "integration", "waiting", "running", "oldest"),
        [
            (item.workspace, item.integration, item.waiting, item.running, _time(item))
            for item in restored.unfinished
        ],
    )
    output.say(
        "\nStart the node, look at what waits (`firesteel status`), cancel what must not run "
        "again, and let it go: `firesteel resume`."
    )


def _time(item: Any) -> str:
    from firesteel.admin.times import written

    return written(item.oldest_received_at_us).isoformat()[:19].replace("T", " ")
