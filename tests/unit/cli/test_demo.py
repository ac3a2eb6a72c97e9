"""The demo's project and ERP database, without a node."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from firesteel.cli.demo import ERP_VARIABLE, curl_lines, prepare
from firesteel.project import load_project


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(ERP_VARIABLE, "")
    monkeypatch.setenv("DEMO_KEY", "demo-key")
    prepare(tmp_path / "demo")
    return tmp_path / "demo"


def test_the_demo_has_its_four_integrations_without_faults(demo: Path) -> None:
    project = load_project(demo / "project", lookup=os.environ.get)

    assert project.faults == []
    assert {item.name for item in project.integrations} == {
        "CreateCustomerRecord",
        "ItemPrice",
        "ReceiveWorkOrder",
        "StockAtHand",
    }


def test_the_erp_is_made_once_and_kept_by_a_second_run(demo: Path) -> None:
    with closing(sqlite3.connect(demo / "erp.db")) as erp, erp:
        erp.execute("insert into customer (name, city) values ('Smith AB', 'Kalmar')")

    prepare(demo)

    with closing(sqlite3.connect(os.environ[ERP_VARIABLE])) as erp:
        numbers = [row[0] for row in erp.execute("select customer_no from customer")]
    assert numbers == [1000, 1001]


def test_a_project_that_was_changed_is_kept_by_a_second_run(demo: Path) -> None:
    file = demo / "project" / "integrations" / "ItemPrice.yaml"
    file.write_text(file.read_text() + "# mine\n")

    prepare(demo)

    assert file.read_text().endswith("# mine\n")


def test_there_is_a_curl_line_for_each_integration() -> None:
    lines = curl_lines("http://127.0.0.1:8080", "demo", "demo-key")

    for name in ("ItemPrice", "StockAtHand", "CreateCustomerRecord", "ReceiveWorkOrder"):
        assert sum(f"http://127.0.0.1:8080/demo/{name}" in line for line, _ in lines) == 1
