"""``check``, ``diff``, ``apply`` and ``export``: integrations as files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firesteel.cli.command import Session  # read by Typer
from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.cli.output import Output, painted

if TYPE_CHECKING:
    from firesteel.cli.applying import Applied
    from firesteel.model.fault import Fault
    from firesteel.project import Project

ALERTS = "alerts.yaml"
FOLDER = Annotated[
    Path, typer.Argument(help="Project folder, its integrations folder, or one file.")
]
PRUNE = Annotated[
    bool,
    typer.Option(
        "--prune",
        help="Also remove API keys, integrations, connections and alerts that the files do not "
        "have.",
    ),
]
TAKE_OVER = Annotated[
    bool, typer.Option("--take-over", help="Take over what the console manages now.")
]


def check(output: Output, project: FOLDER = Path()) -> None:
    """Find every fault in the files of a project. Needs no node.

    Exits with 1 if there is a fault; warnings do not count.

    [bold]Examples[/bold]

      firesteel check

      firesteel check my-integrations --json
    """
    from firesteel.cli.fault_text import fault_json, fault_text

    loaded = _load(project, deep=True)
    found = [(fault, "error") for fault in loaded.faults]
    found += [(warning, "warning") for warning in loaded.warnings]
    output.result([fault_json(item, kind) for item, kind in found])  # type: ignore[arg-type]
    for item, kind in found:
        output.say(fault_text(item, kind))  # type: ignore[arg-type]
    if loaded.faults:
        raise typer.Exit(Exit.FAILED)
    number = len(loaded.integrations)
    output.say(f"{number} integration{'' if number == 1 else 's'}, no faults")


def diff(
    session: Session,
    project: FOLDER = Path(),
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if there are differences.")
    ] = False,
) -> None:
    """Show what `apply` would change.

    [bold]Examples[/bold]

      firesteel diff

      firesteel diff integrations/ItemPrice.yaml
    """
    from firesteel.cli.applying import Applier, NodeFaults

    applier = Applier(session, _sound(project))
    try:
        planned = applier.plan()
    except NodeFaults as error:
        show_faults(error.faults)
        raise
    surplus = applier.surplus()
    if applier.surplus_alerts():
        surplus.append(ALERTS)
    session.output.result({**planned.as_json(), "only_on_the_node": surplus})
    _show_differences(session, planned, surplus)
    if exit_code and planned.changed:
        raise typer.Exit(Exit.FAILED)


def apply(
    session: Session,
    project: FOLDER = Path(),
    prune: PRUNE = False,
    take_over: TAKE_OVER = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all and tell, publish nothing.")
    ] = False,
    restart_workers: Annotated[
        bool,
        typer.Option(
            "--restart-workers",
            help="First start new workers, with the Python code as it is now; not with --dry-run.",
        ),
    ] = False,
) -> None:
    """Publish what a project holds: all of it, or nothing if there is a fault.

    [bold]Examples[/bold]

      firesteel apply my-integrations

      firesteel apply integrations/ItemPrice.yaml --dry-run

      firesteel apply my-integrations --restart-workers
    """
    from firesteel.cli.applying import Applier, NodeFaults

    applier = Applier(session, _sound(project), prune=prune, take_over=take_over)
    if restart_workers and not dry_run:
        session.client.post("/workers/restart")  # before the node looks for the functions
    try:
        applied = applier.plan() if dry_run else applier.apply()
    except NodeFaults as error:
        show_faults(error.faults)
        raise
    session.output.result(applied.as_json())
    show_applied(session.output, applied, dry_run=dry_run)


def export(
    session: Session,
    folder: Annotated[Path, typer.Argument(help="Project folder to write into.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that differ.")] = False,
) -> None:
    """Write the node's integrations, connections and alerts as files. API keys stay on the node.

    What holds a password in clear is written for who has the right to administer.

    [bold]Examples[/bold]

      firesteel export my-integrations
    """
    files = _exported(session)
    changed = {name: text for name, text in files.items() if _content(folder / name) != text}
    existing = [name for name in changed if (folder / name).exists()]
    if existing and not force:
        raise CommandFailed(
            f"these files differ and would be overwritten: {', '.join(existing)}",
            exit_code=Exit.REFUSED,
            code="target_exists",
            hint="--force overwrites them",
        )
    for name, text in changed.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    session.output.result({"written": sorted(changed), "unchanged": len(files) - len(changed)})
    for name in sorted(changed):
        session.output.say(f"wrote {folder / name}")
    session.output.say(f"{len(changed)} written, {len(files) - len(changed)} as they were")


def show_applied(output: Output, applied: Applied, *, dry_run: bool = False) -> None:
    """What was published, for people."""
    would = "would be " if dry_run else ""
    for item in applied.connections:
        output.say(
            f"connection {item['name']}: {would + 'changed' if item['changed'] else 'unchanged'}"
        )
    for item in applied.publications:
        if not item["changed"]:
            state = f"unchanged (version {item['version']})"
        elif dry_run:
            state = "would be published"
        else:
            state = f"version {item['version']} published"
        output.say(f"{item['name']}: {state}")
        _show_keys(output, item["keys"], would)
        _show_grants(output, item["consumers"], would)
        for warning in item["warnings"]:
            output.warn(f"{item['file']}: {warning['detail']} [{warning['code']}]")
    _show_alerts(output, applied, would)
    for name in applied.removed:
        output.say(f"{name}: {would}{painted('removed', 'removed')}")
    for name in applied.removed_connections:
        output.say(f"connection {name}: {would}{painted('removed', 'removed')}")


def _show_alerts(output: Output, applied: Applied, would: str) -> None:
    if applied.alerts is not None:
        state = would + "changed" if applied.alerts["changed"] else "unchanged"
        output.say(f"{ALERTS}: {state}")
        for warning in applied.alerts["warnings"]:
            output.warn(f"{ALERTS}: {warning['detail']} [{warning['code']}]")
    if applied.removed_alerts:
        output.say(f"{ALERTS}: {would}{painted('removed', 'removed')}")


def _show_keys(output: Output, keys: list[dict[str, Any]], would: str = "") -> None:
    for key in keys:
        if key["secret"]:
            output.say(f"  API key {key['label']}: {key['secret']}  (generated; shown this once)")
        elif key["act"] == "undeclared":
            output.say(f"  API key {key['label']}: not in the file, kept (--prune removes it)")
        elif key["act"] != "kept":
            output.say(f"  API key {key['label']}: {would}{key['act']}")


def _show_grants(output: Output, grants: list[dict[str, Any]], would: str = "") -> None:
    for grant in grants:
        name = grant["consumer"]
        if grant["act"] == "made":
            output.say(f"  consumer {name}: {would}made and granted; give it a key")
        elif grant["act"] == "undeclared":
            output.say(f"  consumer {name}: not in the file, kept (--prune revokes its grant)")
        elif grant["act"] != "kept":
            output.say(f"  consumer {name}: {would}{grant['act']}")


def _show_differences(session: Session, planned: Applied, surplus: list[str]) -> None:
    from firesteel.model.difference import diff_text

    output = session.output
    for item in planned.publications:
        names = (f"published/{item['name']}", item["file"])
        lines = diff_text(item["previous"], item["document"], names=names).splitlines()
        parties = [*item["keys"], *item["consumers"]]
        if not lines and any(party["act"] != "kept" for party in parties):
            output.say(f"{item['name']}: the same but for who may call")
        _show_lines(output, lines)
        _show_keys(output, item["keys"], "would be ")
        _show_grants(output, item["consumers"], "would be ")
    for item in planned.connections:
        if item["changed"]:
            output.say(f"connection {item['name']}: would be changed")
    if planned.alerts is not None:
        before, after = planned.alerts["previous"], planned.alerts["document"]
        names = (f"published/{ALERTS}", ALERTS)
        _show_lines(output, diff_text(before, after, names=names).splitlines())
    for name in surplus:
        output.say(f"{name}: only on the node (`apply --prune` removes it)")
    if not planned.changed and not surplus:
        output.say("no differences")


def _show_lines(output: Output, lines: list[str]) -> None:
    for line in lines:
        output.say(painted(line, {"+": "added", "-": "removed"}.get(line[:1], "")))


def _sound(path: Path) -> Project:
    """The project; its faults are shown and end the command."""
    from firesteel.project import WORKFLOWS

    project = _load(path)
    faults = project.faults
    if not (project.root / WORKFLOWS).is_dir():
        # An export has no code; the node knows whether it has the functions, and is asked.
        faults = [fault for fault in faults if fault.code != "function_unknown"]
    if faults:
        show_faults(faults)
        number = len(faults)
        raise CommandFailed(
            f"{number} fault{'s' if number > 1 else ''} in {path}", code="project_invalid"
        )
    return project


def _load(path: Path, *, deep: bool = False) -> Project:
    """``deep``: compile expressions too, which a node otherwise does."""
    from firesteel.project import load_project

    expression_check = None
    if deep:
        from firesteel.worker.expressions import check_expression

        expression_check = check_expression
    try:
        return load_project(path, expression_check=expression_check)
    except OSError as error:
        raise CommandFailed(
            f"{path}: {error.strerror}", exit_code=Exit.NOT_FOUND, code="project_not_found"
        ) from error


def show_faults(faults: list[Fault]) -> None:
    """Faults, on stderr."""
    from firesteel.cli.fault_text import fault_text

    for fault in faults:
        print(fault_text(fault, "error", sys.stderr), file=sys.stderr)


def _exported(session: Session) -> dict[str, str]:
    """Every file of the workspace's project by its path in the folder."""
    from firesteel.model.yaml_writer import write_yaml

    files: dict[str, str] = {}
    for item in session.client.get(session.path("integrations")):
        shown = session.client.get(session.path("integrations", item["name"]))
        files[f"integrations/{item['name']}.yaml"] = write_yaml(shown["document"])
    connections = session.client.get(session.path("connections"))
    masked = [item["name"] for item in connections if item["masked"]]
    if masked:
        named = ", ".join(masked)
        raise _hidden(f"these connections hold secrets in clear, which are not shown: {named}")
    if connections:
        documents = {item["name"]: item["document"] for item in connections}
        files["connections.yaml"] = write_yaml(documents)
    alerts = session.client.get(session.path("alerts"))
    if alerts["masked"]:
        raise _hidden("these alerts hold secrets in clear, which are not shown")
    if alerts["changed_at"] is not None:
        files[ALERTS] = write_yaml(alerts["document"])
    return files


def _hidden(detail: str) -> CommandFailed:
    return CommandFailed(
        detail,
        exit_code=Exit.REFUSED,
        code="forbidden",
        hint="export as an administrator, or write the secrets as ${NAME} and keep the values as"
        " secrets of the workspace",
    )


def _content(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None
