"""The command line: every command under its name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import typer

from firesteel.cli import (
    alerts,
    archive,
    archive_send,
    backup,
    compact,
    consumers,
    demo,
    init,
    keys,
    lanes,
    messages,
    migrate_store,
    node_commands,
    pausing,
    project_commands,
    restore,
    retention,
    secrets,
    send,
    serve,
    storage,
    tokens,
    top,
    users,
    workers,
)
from firesteel.cli.command import drop_output, local, on_node, with_settings
from firesteel.cli.doctor.command import doctor

_EPILOG = "Documentation of exit codes and --json: docs/reference/command-line.md"

_RUN = "Run a node"
_PROJECT = "Integrations as files"
_OPERATE = "Operate a running node"


def application() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="firesteel",
        help="Firesteel, a self-hosted integration engine: it accepts calls durably, runs their "
        "workflows in order, and answers.",
        epilog=_EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_version_option)
    _add_local_commands(app)
    _add_node_commands(app)
    return app


def run(arguments: list[str] | None = None) -> int:
    """Run the command of ``arguments`` (without them: of the process); its exit code."""
    try:
        application()(args=arguments, prog_name="firesteel")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        _let_go_of_output()
    return 0


def _let_go_of_output() -> None:
    """Write what is left; a reader that has gone (`| head`) is not told of at the very end."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        drop_output()


def _add_local_commands(app: typer.Typer) -> None:
    app.command("serve", rich_help_panel=_RUN)(with_settings(serve.serve))
    app.command("dev", rich_help_panel=_RUN)(with_settings(serve.dev))
    app.command("demo", rich_help_panel=_RUN)(with_settings(demo.demo))
    app.command("migrate-store", rich_help_panel=_RUN)(local(migrate_store.migrate_store))
    app.command("compact", rich_help_panel=_RUN)(local(compact.compact))
    group = typer.Typer(help="What was archived before it was let go.", no_args_is_help=True)
    for name, command in archive.COMMANDS.items():
        group.command(name)(local(command))
    group.command("send")(on_node(archive_send.send))
    app.add_typer(group, name="archive", rich_help_panel=_OPERATE)
    app.command("restore", rich_help_panel=_RUN)(local(restore.restore))
    app.command("doctor", rich_help_panel=_RUN)(local(doctor))
    app.command("init", rich_help_panel=_PROJECT)(local(init.init))
    app.command("check", rich_help_panel=_PROJECT)(local(project_commands.check))


def _add_node_commands(app: typer.Typer) -> None:
    app.command("diff", rich_help_panel=_PROJECT)(on_node(project_commands.diff))
    app.command("apply", rich_help_panel=_PROJECT)(on_node(project_commands.apply))
    app.command("export", rich_help_panel=_PROJECT)(on_node(project_commands.export))
    app.command("send", rich_help_panel=_OPERATE)(on_node(send.send))
    app.command("backup", rich_help_panel=_OPERATE)(on_node(backup.backup))
    app.command("openapi", rich_help_panel=_OPERATE)(on_node(node_commands.openapi))
    app.command("status", rich_help_panel=_OPERATE)(on_node(node_commands.status))
    app.command("top", rich_help_panel=_OPERATE)(on_node(top.top))
    app.command("pause", rich_help_panel=_OPERATE)(on_node(pausing.pause))
    app.command("resume", rich_help_panel=_OPERATE)(on_node(pausing.resume))
    app.command("storage", rich_help_panel=_OPERATE)(on_node(storage.storage))
    app.command("retention", rich_help_panel=_OPERATE)(on_node(retention.retention))
    groups: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
        ("key", "API keys of a trigger or a consumer.", keys.COMMANDS),
        ("consumer", "Who calls: keys for several triggers.", consumers.COMMANDS),
        ("messages", "Messages and their executions.", messages.COMMANDS),
        ("lanes", "Lanes: what waits, and why.", lanes.COMMANDS),
        ("alert", "Alerts: whom to tell of what, and what was told.", alerts.COMMANDS),
        ("workers", "Worker processes.", workers.COMMANDS),
        ("user", "Users of the console and the REST API.", users.COMMANDS),
        ("token", "API tokens of machines.", tokens.COMMANDS),
        ("secrets", "Secrets for ${NAME}, and the encryption key.", secrets.COMMANDS),
    )
    for name, help_text, commands in groups:
        group = typer.Typer(help=help_text, no_args_is_help=True)
        for command_name, command in commands.items():
            group.command(command_name)(on_node(command))
        app.add_typer(group, name=name, rich_help_panel=_OPERATE)


def _print_version(wanted: bool) -> None:
    if wanted:
        from firesteel.release import release

        built = ", compiled" if _is_compiled() else ""
        print(f"firesteel {release()} (Python {sys.version.split()[0]}{built})")
        raise typer.Exit


def _is_compiled() -> bool:
    """Whether this installation holds compiled modules (decision 0079); imports none of them."""
    from importlib.machinery import ExtensionFileLoader
    from importlib.util import find_spec

    found = find_spec("firesteel.gateway.protocol")
    return found is not None and isinstance(found.loader, ExtensionFileLoader)


def _version_option(
    version: bool = typer.Option(
        False,
        "--version",
        callback=_print_version,
        is_eager=True,
        help="Print the version, and the commit it was built from.",
    ),
) -> None:
    pass
