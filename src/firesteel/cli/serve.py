"""``firesteel serve`` and ``firesteel dev``: run a node in the foreground."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firesteel.cli.exit_codes import CommandFailed
from firesteel.cli.output import Output, painted

if TYPE_CHECKING:
    from firesteel.project import Project
    from firesteel.settings import Settings

PROJECT = Annotated[
    Path | None,
    typer.Option(
        "--project",
        "-p",
        help="Project folder; its integrations and connections are published at start.",
    ),
]


def serve(
    flags: dict[str, str],
    project: PROJECT = None,
    paused: Annotated[
        bool,
        typer.Option(
            "--paused",
            help="Accept calls, but run nothing until `firesteel resume`: of all nodes on the "
            "store, which keeps that.",
        ),
    ] = False,
) -> None:
    """Run a node: public port, admin port, engine and workers.

    Settings come from flags, FIRESTEEL_... variables, the project's firesteel.toml, then defaults.

    [bold]Examples[/bold]

      firesteel serve --project my-integrations

      firesteel serve --port 8443 --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem

      firesteel serve --role worker --database-url postgresql://firesteel@db.example/firesteel
    """
    from firesteel.settings import load_settings

    settings = load_settings(flags, os.environ, project)
    if project is not None:
        refuse_faults(project)
    run_node(settings, announce=lambda ready: tell_ready(ready, settings), paused=paused)


def dev(
    flags: dict[str, str],
    project: Annotated[Path, typer.Argument(help="Project folder.")] = Path(),
) -> None:
    """Run a node for development: what changes in the project folder is published at once.

    Faults are printed, and until they are mended nothing is published and the last good version
    goes on, its Python code too; when Python files change, the workers start anew.

    [bold]Examples[/bold]

      firesteel dev

      firesteel dev my-integrations --port 8000
    """
    from firesteel.cli.watch import Watcher
    from firesteel.settings import load_settings

    settings = load_settings(flags, os.environ, require_folder(project))
    report_faults(project)
    watcher = Watcher(project, settings.data_dir)

    def announce(ready: dict[str, Any]) -> None:
        print_ready(ready, settings, "changes are published as you save; Ctrl-C stops")
        watcher.start()

    try:
        run_node(settings, announce=announce)
    finally:
        watcher.stop()


def run_node(settings: Settings, *, announce: Any, paused: bool = False) -> None:
    """Run until stopped; ends the command with the node's exit code.

    What makes a start hopeless is told here, before there is any process: OperatorError
    ``data_dir_unwritable``, ``store_unsafe``.
    """
    from firesteel.store.sqlite.safety import check_directory
    from firesteel.supervisor import serve as supervise

    if settings.store_path is not None:
        check_directory(settings.store_path.parent)
    check_directory(settings.data_dir)
    _warn(settings)
    code = supervise(settings, announce=announce, paused=paused)
    if code:
        raise typer.Exit(code)


def _warn(settings: Settings) -> None:
    if settings.log_format == "text":
        for warning in settings.warnings():
            Output().warn(warning)
        return
    from firesteel.telemetry.logs import configure, log

    configure(settings.log_level, settings.log_format)  # of this process, which is the supervisor
    for warning in settings.warnings():
        log.warning("setting_unsafe", detail=warning)


def tell_ready(ready: dict[str, Any], settings: Settings) -> None:
    """For people the block, for machines a line of the log, without the link to sign in."""
    if settings.log_format == "text":
        print_ready(ready, settings)
        return
    from firesteel.telemetry.logs import log

    known = {name: text for name, text in ready.items() if name != "sign_in_url"}
    places = {"project": str(settings.project_dir or ""), "data_dir": str(settings.data_dir)}
    log.info("node_ready", role=str(settings.role), **known, **places)


def print_ready(ready: dict[str, Any], settings: Settings, last_line: str = "") -> None:
    """The one block that says where everything is."""
    rows = [] if settings.role == "all" else [("Role", str(settings.role))]
    if settings.public_port:
        rows.append(("Public", f"{ready['public_url']}/{ready['workspace']}/<integration>"))
    rows += [
        ("Admin", str(ready["admin_url"])),
        ("Workspace", str(ready["workspace"])),
        ("Project", str(settings.project_dir or "none: integrations come by console or API")),
        ("Data", str(settings.data_dir)),
    ]
    if ready.get("sign_in_url"):
        rows.append(("Sign in", str(ready["sign_in_url"])))
    if ready.get("paused"):
        rows.append(("Paused", str(ready["paused"])))
    print(painted("Firesteel is ready", "bold"))
    for title, text in rows:
        print(f"  {title:<10} {text}")
    if last_line:
        print(f"  {last_line}")
    sys.stdout.flush()


def require_folder(project: Path) -> Path:
    """The folder, if it is one."""
    if not project.is_dir():
        raise CommandFailed(
            f"{project} is not a folder",
            code="project_not_found",
            hint=f"`firesteel init {project}` makes a project",
        )
    return project


def refuse_faults(folder: Path) -> Project:
    """The project, if its files have no faults; otherwise they are printed and the command ends."""
    project = report_faults(folder)
    if project.faults:
        number = len(project.faults)
        raise CommandFailed(
            f"{number} fault{'s' if number > 1 else ''} in {folder}", code="project_invalid"
        )
    return project


def report_faults(folder: Path) -> Project:
    """The project; its faults are printed on stderr."""
    from firesteel.cli.fault_text import fault_text
    from firesteel.project import load_project

    project = load_project(require_folder(folder))
    for fault in project.faults:
        print(fault_text(fault, "error", sys.stderr), file=sys.stderr)
    return project
