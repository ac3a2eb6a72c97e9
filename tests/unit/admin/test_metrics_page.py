"""The reference of metrics says what the code says, and numbers are told as they were counted."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from firesteel.admin.metrics.families import FAMILIES
from firesteel.admin.metrics.readings import ACCEPTED, OUTCOMES, Readings
from firesteel.admin.metrics.triggers import OTHER, labelled
from firesteel.model.durations import class_of
from firesteel.telemetry.meter import Distribution

if TYPE_CHECKING:
    from firesteel.engine.engine import Engine

PAGE = Path("docs/reference/metrics.md")
ROW = re.compile(
    r"^\| `(firesteel_\w+)` \| (\w+) \| (.+?) \| (node|store) \| (.+) \|$", re.MULTILINE
)
ENDINGS = {"counter": "_total", "info": "_info"}


def test_every_metric_is_described_and_every_description_is_of_a_metric() -> None:
    described = [
        (name, kind, tuple(re.findall(r"`(\w+)`", labels)), scope, text)
        for name, kind, labels, scope, text in ROW.findall(PAGE.read_text())
    ]
    assert described == [
        (one.name + ENDINGS.get(one.kind, ""), one.kind, one.labels, one.scope, one.text)
        for one in FAMILIES
    ]


def test_every_label_is_described() -> None:
    labels = {label for one in FAMILIES for label in one.labels if one.kind != "info"}
    described = PAGE.read_text().partition("## Values of labels")[2]
    assert labels <= set(re.findall(r"`(\w+)`", described))


def test_a_distribution_is_told_as_it_was_counted() -> None:
    counted = Distribution()
    for value in (-5, 0, 1, 256, 257, 512, 10**9):
        counted.add(value)
    readings = Readings()
    readings.add_distribution("accept_seconds", counted, ACCEPTED, "w", "i", per_unit=1e6)
    samples = told(readings, "firesteel_accept_seconds")
    assert samples["0.000256"] == 4
    assert samples["0.000512"] == 6
    assert samples["33.554432"] == 6
    assert samples["+Inf"] == samples["count"] == 7
    assert samples["sum"] == (3 + 256 + 257 + 512 + 10**9) / 1e6


def test_durations_are_told_by_the_bounds_of_their_classes() -> None:
    readings = Readings()
    counted: dict[int, int] = {}
    values_us = (0, 1023, 1024, 2047, 3 * 10**6, 10**12)
    for value in values_us:
        counted[class_of(value)] = counted.get(class_of(value), 0) + 1
    readings.add_durations("settle_seconds", counted, sum(values_us), "w", "i")
    samples = told(readings, "firesteel_settle_seconds")
    assert len(samples) == len(OUTCOMES) + 3
    assert samples["0.001024"] == 2
    assert samples["0.002048"] == 4
    assert samples["4.194304"] == 5
    assert samples["+Inf"] == samples["count"] == 6


def test_the_integrations_that_were_made_first_have_labels_and_the_others_share_one() -> None:
    routes = [SimpleNamespace(trigger_no=no, workspace="w", name=f"i{no}") for no in range(502)]
    engine = cast("Engine", SimpleNamespace(routes=reversed(routes)))
    found = {route.name: labels for labels, route in labelled(engine)}
    assert found["i0"] == ("w", "i0")
    assert found["i499"] == ("w", "i499")
    assert found["i500"] == found["i501"] == OTHER


def told(readings: Readings, name: str) -> dict[str, float]:
    """The samples of a histogram as a scraper reads them: by bound, or ``count`` and ``sum``."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(readings)
    text = generate_latest(registry).decode()
    (family,) = [one for one in text_string_to_metric_families(text) if one.name == name]
    return {
        sample.labels.get("le", sample.name.rpartition("_")[2]): sample.value
        for sample in family.samples
    }
