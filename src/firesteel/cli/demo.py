"""``firesteel demo``: a node with four integrations and a small ERP database."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firesteel.cli.exit_codes import CommandFailed
from firesteel.cli.output import painted

if TYPE_CHECKING:
    from firesteel.settings import Settings

FOLDER = ".firesteel-demo"
KEY = "demo-key"
KEY_VARIABLE = "DEMO_KEY"
ERP_VARIABLE = "ERP_DATABASE"


def demo(flags: dict[str, str]) -> None:
    """Run a node with four integrations and a small ERP database to try things out.

    Everything is kept in .firesteel-demo in this folder; a second run goes on with it.

    [bold]Examples[/bold]

      firesteel demo

      FIRESTEEL_PORT=9080 FIRESTEEL_ADMIN_PORT=9081 firesteel demo
    """
    from firesteel.cli.serve import run_node
    from firesteel.settings import load_settings

    if not os.environ.get("FIRESTEEL_DATA_DIR"):
        flags.setdefault("data_dir", FOLDER)
    folder = load_settings(flags, os.environ, None).data_dir
    project = prepare(folder)
    settings = load_settings(flags, os.environ, project)
    run_node(settings, announce=lambda ready: _print_ready(ready, settings))


def prepare(folder: Path) -> Path:
    """Make the ERP database and the project in ``folder`` where they are not there yet, and name
    the database to the workers by the environment; the project's folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        erp = folder.absolute() / "erp.db"
        if not erp.exists():
            make_erp(erp)
        project = folder / "project"
        if not project.exists():
            from firesteel.cli.init import copy_tree

            copy_tree(files("firesteel.demo") / "project", project)
    except (OSError, sqlite3.Error) as error:
        raise CommandFailed(f"{folder} cannot be written: {error}") from error
    os.environ[ERP_VARIABLE] = str(erp)
    os.environ.setdefault(KEY_VARIABLE, KEY)
    return project


def make_erp(path: Path) -> None:
    """A new ERP database, whole or not at all."""
    script = (files("firesteel.demo") / "erp.sql").read_text("utf-8")
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as connection:
        connection.executescript(script)
    unfinished.replace(path)


def curl_lines(
    public_url: str, workspace: str, key: str, options: str = ""
) -> list[tuple[str, str]]:
    """A curl line for each integration, with what it answers."""
    base, header = f"{public_url}/{workspace}", f"-H 'x-api-key: {key}'"
    curl = f"curl{options}"
    customer = '{"name": "Smith AB", "city": "Kalmar"}'
    order = '{"customer_no": 1000, "order_no": "W-1", "description": "Mend the gate"}'
    stock = (
        '{"item": "A-100", "stock": [{"warehouse": "KAL", "quantity": 40}, '
        '{"warehouse": "MMA", "quantity": 12}], "total": 52}'
    )
    as_json = "-H 'content-type: application/json'"
    return [
        (
            f"{curl} {header} '{base}/ItemPrice?item=A-100&quantity=2'",
            '200 {"item": "A-100", "currency": "EUR", "quantity": 2, "price": 12.5, "total": 25}',
        ),
        (
            f"{curl} {header} '{base}/StockAtHand?item=A-100'",
            f"200 {stock}",
        ),
        (
            f"{curl} {header} {as_json} -d '{customer}' {base}/CreateCustomerRecord",
            '201 {"customer_no": 1001}, then 1002, ...',
        ),
        (
            f"{curl} {header} {as_json} -d '{order}' {base}/ReceiveWorkOrder",
            '202 {"id": ..., "sequence": 1, "status_url": ...}; each customer\'s orders in order',
        ),
    ]


def _print_ready(ready: dict[str, Any], settings: Settings) -> None:
    from firesteel.cli.serve import print_ready

    print_ready(ready, settings)
    print(f"  {'ERP':<10} {os.environ[ERP_VARIABLE]}")
    print(f"  {'Console':<10} {ready['admin_url']}/\n")
    key = os.environ[KEY_VARIABLE]
    options = " -k" if settings.tls == "self-signed" else ""
    for line, answer in curl_lines(str(ready["public_url"]), str(ready["workspace"]), key, options):
        print(f"{painted(line, 'bold')}\n  {painted('-> ' + answer, 'dim')}")
    print("\nCtrl-C stops; a second run goes on with the same data.")
    sys.stdout.flush()
