"""`firesteel demo` and `firesteel dev` as users start them."""

from __future__ import annotations

import json
import os
import queue
import shlex
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.support.node import wait_until

PATIENCE_S = 60.0


class Foreground:
    """A command in the foreground, whose lines are read as they come."""

    def __init__(self, folder: Path, *arguments: str, **more: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FIRESTEEL_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "firesteel", *arguments],
            cwd=folder,
            env=environment
            | {
                "FIRESTEEL_PORT": "0",
                "FIRESTEEL_ADMIN_PORT": "0",
                "FIRESTEEL_WORKERS": "1",
                "FIRESTEEL_DISK_RESERVE": "0B",
            }
            | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.seen: list[str] = []
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def until(self, text: str) -> str:
        """The next line that holds ``text``."""
        while True:
            line = self._lines.get(timeout=PATIENCE_S)
            self.seen.append(line)
            assert line, "".join(self.seen)
            if text in line:
                return line

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            for line in stdout:
                self._lines.put(line)
        self._lines.put("")


@contextmanager
def foreground(folder: Path, *arguments: str, **more: str) -> Iterator[Foreground]:
    command = Foreground(folder, *arguments, **more)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.stop()


def curl(line: str) -> httpx2.Response:
    """What a printed curl line does; curl itself may not be installed."""
    words = shlex.split(line)
    assert words[0] == "curl"
    headers, body, url = {}, None, ""
    rest = iter(words[1:])
    for word in rest:
        if word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(rest)
        else:
            url = word
    return httpx2.request("GET" if body is None else "POST", url, headers=headers, content=body)


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_the_demo_answers_its_printed_curl_lines_from_a_real_database(
    tmp_path: Path, store: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if store == "postgresql" else ""
    with foreground(tmp_path, "demo", FIRESTEEL_DATABASE_URL=url) as demo:
        lines = {
            name: demo.until(f"/{name}").strip()
            for name in ("ItemPrice", "StockAtHand", "CreateCustomerRecord", "ReceiveWorkOrder")
        }
        price = curl(lines["ItemPrice"])
        assert price.json() == {
            "item": "A-100",
            "currency": "EUR",
            "quantity": 2,
            "price": 12.5,
            "total": 25,
        }
        stock = curl(lines["StockAtHand"])
        assert stock.json() == {
            "item": "A-100",
            "stock": [{"warehouse": "KAL", "quantity": 40}, {"warehouse": "MMA", "quantity": 12}],
            "total": 52,
        }
        customer = curl(lines["CreateCustomerRecord"])
        assert (customer.status_code, customer.json()) == (201, {"customer_no": 1001})
        order = curl(lines["ReceiveWorkOrder"])
        assert order.status_code == 202
        assert order.json()["sequence"] == 1
        assert_edges(lines)
        wait_until(lambda: work_orders(tmp_path) == [("W-1", 1000)])
        assert demo.stop() == 0
    with foreground(tmp_path, "demo", FIRESTEEL_DATABASE_URL=url) as again:
        again.until("/ItemPrice")
        again.until("/StockAtHand")
        customer = curl(again.until("/CreateCustomerRecord").strip())
        assert customer.json() == {"customer_no": 1002}


def assert_edges(lines: dict[str, str]) -> None:
    """Unknown items, one warehouse, none, and bad input."""
    for name in ("ItemPrice", "StockAtHand"):
        unknown = curl(lines[name].replace("A-100", "Z-9"))
        assert unknown.status_code == 404
        assert unknown.json() == {"error": "unknown item", "item": "Z-9"}
    one = curl(lines["StockAtHand"].replace("A-100", "A-200")).json()
    assert one["stock"] == [{"warehouse": "KAL", "quantity": 900}]
    none = curl(lines["StockAtHand"].replace("A-100", "B-300")).json()
    assert (none["stock"], none["total"]) == ([], 0)
    bad = curl(lines["CreateCustomerRecord"].replace('"Smith AB"', "7"))
    assert bad.status_code == 422
    assert [fault["pointer"] for fault in bad.json()["errors"]] == ["/name"]
    assert curl(lines["ItemPrice"].replace("quantity=2", "quantity=two")).status_code == 400
    assert curl(lines["ItemPrice"].replace("demo-key", "another")).status_code == 401
    assert curl(lines["ReceiveWorkOrder"].replace('"customer_no": 1000, ', "")).status_code == 400


def work_orders(folder: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(folder / ".firesteel-demo" / "erp.db")) as erp:
        found = erp.execute("select order_no, customer_no from work_order order by line_no")
        return found.fetchall()


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "firesteel", "init", "mine"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    return tmp_path / "mine"


def greet(mine: Path) -> str:
    sent = subprocess.run(
        [
            sys.executable,
            "-m",
            "firesteel",
            "send",
            "hello",
            "-k",
            "me",
            "-q",
            "name=Ada",
            "--json",
        ],
        cwd=mine,
        check=True,
        capture_output=True,
    )
    answer = json.loads(json.loads(sent.stdout)["body"])
    return str(answer["greeting"])


def test_dev_publishes_what_is_saved_and_keeps_the_last_good_version(mine: Path) -> None:
    with foreground(mine, "dev") as dev:
        dev.until("is ready")
        assert greet(mine) == "Hello, Ada!"
        file = mine / "integrations" / "hello.yaml"
        good = file.read_text()

        file.write_text(good.replace("query.name", '"Dr. " & query.name'))
        dev.until("version 2 published")
        assert greet(mine) == "Hello, Dr. Ada!"

        file.write_text(good.replace("python: hello:greet", "python: hello:great"))
        assert "integrations/hello.yaml:" in dev.until("function_unknown")
        assert greet(mine) == "Hello, Dr. Ada!"

        file.write_text(good)
        dev.until("version 3 published")
        module = mine / "workflows" / "hello.py"
        module.write_text(module.read_text().replace("Hello, ", "Good morning, "))
        dev.until("changed: workflows/hello.py")
        wait_until(lambda: greet(mine) == "Good morning, Ada!")

        sound = module.read_text()
        module.write_text("def broken(:\n")
        dev.until("the workers go on as they were")
        assert greet(mine) == "Good morning, Ada!"

        module.write_text(f"{sound}\nraise RuntimeError('half done')\n")
        assert "RuntimeError: half done" in dev.until("error:")
        dev.until("the workers go on as they were")
        assert greet(mine) == "Good morning, Ada!"

        module.write_text(sound.replace("Good morning, ", "Good evening, "))
        wait_until(lambda: greet(mine) == "Good evening, Ada!")

        same_size, times = mine.parent / "hello.py", module.stat()
        same_size.write_text(sound)
        os.utime(same_size, ns=(times.st_atime_ns, times.st_mtime_ns))
        same_size.replace(module)
        wait_until(lambda: greet(mine) == "Good morning, Ada!")


def test_the_tests_of_a_new_project_pass(mine: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=mine,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
