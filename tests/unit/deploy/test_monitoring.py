"""The dashboard and the alert rules ask for metrics and labels that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector

from firesteel.admin.metrics.families import FAMILIES
from tests.support.deployment import DEPLOY

DASHBOARD = DEPLOY / "grafana" / "firesteel.json"
PROMETHEUS = DEPLOY / "prometheus"
ENDINGS = {
    "counter": ("_total",),
    "gauge": ("",),
    "info": ("_info",),
    "histogram": ("_bucket", "_count", "_sum"),
}
OF_THE_SCRAPE = {"instance", "job"}
_SELECTOR = re.compile(r"\b((?:firesteel|process)_\w+|up)\b(\{[^}]*\})?(\[[^\]]+\])?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPED = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")


def known() -> dict[str, set[str]]:
    """The labels of each name that can be asked for."""
    found = {"up": OF_THE_SCRAPE}
    for one in FAMILIES:
        for ending in ENDINGS[one.kind]:
            bounds = {"le"} if ending == "_bucket" else set[str]()
            found[one.name + ending] = {*one.labels, *bounds} | OF_THE_SCRAPE
    for family in ProcessCollector(registry=CollectorRegistry()).collect():
        found[family.name + ("_total" if family.type == "counter" else "")] = OF_THE_SCRAPE
    return found


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return loaded


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((PROMETHEUS / "rules.yaml").read_text())["groups"]
    loaded: list[dict[str, Any]] = group["rules"]
    return loaded


def queries() -> Iterator[tuple[str, str]]:
    """Every query with what it stands in."""
    for panel in panels():
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])
    for variable in dashboard()["templating"]["list"][1:]:
        yield variable["name"], variable["definition"]
    yield from ((rule["alert"], rule["expr"]) for rule in rules())


@pytest.mark.parametrize(("place", "query"), [*queries()])
def test_a_query_names_metrics_and_labels_that_there_are(place: str, query: str) -> None:
    names, asked = known(), _SELECTOR.findall(query)
    assert asked
    grouped = {label.strip() for text in _GROUPED.findall(query) for label in text.split(",")}
    for name, matchers, window in asked:
        assert name in names, name
        assert {*_MATCHER.findall(matchers)} <= names[name], query
        assert grouped - {""} <= names[name], query
        counted = name.endswith(("_total", "_bucket", "_sum", "_count"))
        assert bool(window) == counted or place in ("workspace", "integration"), query


def test_what_each_node_counts_is_added_up_and_what_the_store_says_is_not() -> None:
    of_the_store = {
        one.name + ending
        for one in FAMILIES
        if one.scope == "store"
        for ending in ENDINGS[one.kind]
    }
    for place, query in queries():
        inner = re.findall(r"\b(sum|max|min)\b[^(]*\((?:rate|increase)?\(?(firesteel_\w+)", query)
        for function, name in inner:
            assert (
                (function == "max") == (name in of_the_store)
                or function == "min"
                or name == "firesteel_disk_reserve_bytes"
            ), f"{place}: {query}"


def test_panels_stand_beside_each_other_and_use_the_data_source_that_is_chosen() -> None:
    whole = dashboard()
    assert len({panel["id"] for panel in whole["panels"]}) == len(whole["panels"])
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in whole["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len({*cells})
    assert max(x for x, _ in cells) < 24
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels():
        assert panel["datasource"] == chosen
        assert all(target["datasource"] == chosen for target in panel["targets"])
    assert whole["templating"]["list"][0]["type"] == "datasource"


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]
    assert len({rule["alert"] for rule in rules()}) == len(rules())


needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool of Prometheus"
)


@needs_promtool
@pytest.mark.parametrize(
    ("roles", "fires"),
    [
        ({"gateway": 2}, True),
        ({"gateway": 2, "worker": 1}, False),
        ({"gateway": 1, "all": 1}, False),
        ({"all": 1}, False),
    ],
)
def test_gateways_without_a_node_that_runs_anything_are_told_of(
    tmp_path: Path, roles: dict[str, int], fires: bool
) -> None:
    """Each of two nodes says what the store knows of all."""
    series = [
        {"series": f'firesteel_nodes{{role="{role}", instance="{instance}"}}', "values": f"{n}x9"}
        for role, n in roles.items()
        for instance in "ab"
    ]
    rule = next(rule for rule in rules() if rule["alert"] == "FiresteelNoWorkerNode")
    alert = {"exp_labels": rule["labels"], "exp_annotations": rule["annotations"]}
    told = [
        {"eval_time": "1m", "alertname": rule["alert"], "exp_alerts": []},
        {"eval_time": "5m", "alertname": rule["alert"], "exp_alerts": [alert] if fires else []},
    ]
    given = {
        "rule_files": [str(PROMETHEUS / "rules.yaml")],
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": told}],
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump(given))
    command = ["promtool", "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_its_files() -> None:
    for words in (["config", "prometheus.yaml"], ["rules", "rules.yaml"]):
        command = ["promtool", "check", *words]
        done = subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
