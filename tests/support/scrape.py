"""What Prometheus reads of a node."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from tests.support.node import RunningNode

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@dataclass(frozen=True)
class Scrape:
    """``kinds`` by name as families have it; ``samples`` by name and labels."""

    kinds: dict[str, str]
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, name: str, **labels: str) -> float:
        """The only sample of that name with at least these labels; 0 where there is none."""
        wanted = labels.items()
        found = [
            value
            for (name_, has), value in self.samples.items()
            if name_ == f"firesteel_{name}" and wanted <= set(has)
        ]
        assert len(found) <= 1, (name, labels, found)
        return found[0] if found else 0.0


def scrape(node: RunningNode) -> Scrape:
    """One scrape in Prometheus' text form."""
    answer = node.client.get(f"{node.address['admin_url']}/metrics")
    answer.raise_for_status()
    return read(answer.text)


def read(text: str) -> Scrape:
    """What a scrape's text says."""
    families = list(text_string_to_metric_families(text))
    return Scrape(
        {family.name: family.type for family in families},
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        },
    )
