"""A node as ``firesteel demo`` makes it, with some life in it: for pages that are looked at."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import httpx2

from firesteel.cli.demo import ERP_VARIABLE, KEY, KEY_VARIABLE, make_erp
from firesteel.cli.init import copy_tree
from firesteel.model.durations import class_of
from firesteel.store.figures import Tally
from firesteel.store.sqlite.store import open_store
from tests.support.node import RunningNode, running_node, wait_until

WORKSPACE = "demo"
_ITEMS = ("A-100", "A-200", "B-100", "Z-999")
_LEDGER = {
    "name": "BookInvoice",
    "description": "Invoices to the ledger, which is down at the moment",
    "trigger": {"authentication": [{"api_key": {"label": "ledger"}}], "ordered_delivery": True},
    "workflow": {
        "retry": {"first_delay": "10m"},
        "steps": [{"name": "book", "http": {"connection": "ledger", "path": "/invoices"}}],
    },
}
_SHIPMENT = {
    "name": "ConfirmShipment",
    "description": "Tells the web shop what has left the warehouse",
    "trigger": {
        "authentication": [{"api_key": {"label": "warehouse"}}],
        "ordered_delivery": {"key": "body.order_no", "on_failure": "pause"},
    },
    "workflow": {
        "steps": [
            {
                "name": "check",
                "when": "{% input.body.parcels < 1 %}",
                "fail": {"message": "a shipment without parcels", "permanent": True},
            }
        ]
    },
}


@contextlib.contextmanager
def demo_node(folder: Path, *, figures: bool = False) -> Iterator[RunningNode]:
    """In an empty folder. ``figures``: charts show a day of made-up traffic before it began."""
    data, project = folder / "data", folder / "project"
    data.mkdir(mode=0o700)
    copy_tree(files("firesteel.demo") / "project", project)
    erp = folder / "erp.db"
    make_erp(erp)
    environment = {
        ERP_VARIABLE: str(erp),
        KEY_VARIABLE: KEY,
        "FIRESTEEL_WORKSPACE": WORKSPACE,
        "FIRESTEEL_OUTGOING_ALLOW": "127.0.0.0/8",
    }
    if figures:
        with running_node(data, project, **environment):
            pass
        asyncio.run(_make_up_figures(data / "firesteel.db"))
    with running_node(data, project, **environment) as node:
        _enliven(node)
        if figures:
            wait_until(lambda: _counted(node))
        yield node


def _enliven(node: RunningNode) -> None:
    """Integrations of the console, messages in every state, and people."""
    put = f"/workspaces/{WORKSPACE}"
    node.admin("PUT", f"{put}/connections/ledger", json={"http": "http://127.0.0.1:9"})
    for document in (_LEDGER, _SHIPMENT):
        node.admin("PUT", f"{put}/integrations/{document['name']}", json=document)
    for number in range(12):
        item = _ITEMS[number % len(_ITEMS)]
        _call(node, "GET", f"ItemPrice?item={item}&quantity={number + 1}")
        _call(node, "GET", f"StockAtHand?item={item}")
    _call(node, "POST", "CreateCustomerRecord", json={"name": "Smith AB", "city": "Kalmar"})
    _call(node, "POST", "CreateCustomerRecord", json={"name": "", "city": "Kalmar"})
    _call(node, "GET", "ItemPrice")
    for number in range(1, 6):
        order = {"customer_no": 1000, "order_no": f"W-{number}", "description": "Mend the gate"}
        _call(node, "POST", "ReceiveWorkOrder", json=order)
    for name, label in (("BookInvoice", "ledger"), ("ConfirmShipment", "warehouse")):
        secret = node.admin("POST", f"{put}/integrations/{name}/keys/{label}/reveal")["secret"]
        for number in range(3):
            body = {"order_no": f"S-{number % 2}", "parcels": number}
            _call(node, "POST", name, secret, json=body)
    node.admin("POST", f"{put}/integrations/ItemPrice/take-over")
    for name, role in (("ada", "admin"), ("bo", "operator")):
        node.admin("POST", "/users", json={"name": name, "role": role, "payloads": True})
    node.admin("POST", "/tokens", json={"name": "nightly export", "scopes": ["view"]})
    acme = f"{put}/consumers/ACME"
    node.admin("POST", f"{put}/consumers", json={"name": "ACME"})
    for name in ("ItemPrice", "StockAtHand"):
        node.admin("PUT", f"{acme}/grants/{name}")
    soon = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    for label in ("ERP", "web shop"):
        node.admin("POST", f"{acme}/keys", json={"label": label, "expires": soon})
    node.admin("POST", f"{acme}/keys/ERP/rotate", json={"expires": None})
    wait_until(lambda: _settled(node))


def _settled(node: RunningNode) -> bool:
    """Whether everything has come to where it will stay for a while."""
    found = node.admin("GET", f"/workspaces/{WORKSPACE}/messages?limit=200")["items"]
    moving = [one for one in found if one["state"] == "running" or one["reason"] == "slot"]
    return not moving


def _counted(node: RunningNode) -> bool:
    """Whether the last calls are in the figures, which are written every few seconds."""
    query = "?span=1h&integration=ConfirmShipment"
    found = node.admin("GET", f"/workspaces/{WORKSPACE}/traffic{query}")
    return bool(found["sum"]["accepted"] == 3)


def _call(node: RunningNode, method: str, path: str, key: str = KEY, **request: object) -> None:
    httpx2.request(
        method,
        f"{node.public_url}/{WORKSPACE}/{path}",
        headers={"x-api-key": key},
        timeout=60,
        **request,  # type: ignore[arg-type]  # of httpx2's own
    )


async def _make_up_figures(store: Path) -> None:
    """A day: calls by the hour, a slow afternoon, a peer that was down for a while."""
    with contextlib.closing(sqlite3.connect(store)) as connection:
        triggers = dict(connection.execute("SELECT name, no FROM integration"))
    opened = await open_store(store)
    chance = random.Random(7)
    now = int(time.time() // 60)
    for minute in range(now - 24 * 60, now):
        wave = 1.6 + math.sin(minute / 180) + 0.3 * math.sin(minute / 17)
        await opened.figures.add(
            minute,
            {
                triggers["ItemPrice"]: _tally(chance, 90 * wave, 9_000),
                triggers["StockAtHand"]: _tally(chance, 55 * wave, 14_000),
                triggers["ReceiveWorkOrder"]: _tally(
                    chance, 12 * wave, 40_000, down=25 < now - minute < 34
                ),
                triggers["CreateCustomerRecord"]: _tally(chance, 4 * wave, 22_000),
            },
        )
    await opened.close()


def _tally(chance: random.Random, mean: float, median_us: int, *, down: bool = False) -> Tally:
    calls = max(round(chance.gauss(mean, mean / 8)), 0)
    failed = calls // 6 if down else int(chance.random() < 0.03)
    settle: dict[int, int] = {}
    for _ in range(calls):
        number = class_of(int(chance.lognormvariate(math.log(median_us), 0.5)))
        settle[number] = settle.get(number, 0) + 1
    waiting = chance.randint(20, 60) if down else 0
    return Tally(
        accepted=calls,
        succeeded=max(calls - failed, 0),
        failed=failed,
        retried=failed * 4,
        waiting=waiting,
        oldest_waiting_s=waiting * 9,
        settle=settle,
    )
