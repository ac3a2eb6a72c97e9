"""What a release is made of, and what the documents on security say: held to what is there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from scripts import sbom as bill

ROOT = Path(__file__).parents[2]
ASVS = ROOT / "docs/reference/asvs.md"
THREATS = ROOT / "docs/explanation/threat-model.md"
STATES = ("met", "partly", "not", "not applicable")
_EVIDENCE = re.compile(
    r"`((?:src|tests|docs|scripts|frontend|requirements)/[^`*]+|[A-Za-z]+\.(?:md|toml))`"
)


def test_the_bill_of_materials_has_every_locked_package_with_hash_and_licence() -> None:
    document = bill.sbom()
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    components = {item["purl"]: item for item in document["components"]}
    assert len(components) == len(document["components"])
    for file in ("run", "postgresql"):
        text = (ROOT / f"requirements/{file}.txt").read_text()
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE):
            item = components[f"pkg:pypi/{name}@{version}"]
            (reference,) = item["externalReferences"]
            assert reference["hashes"]
    assert any(purl.startswith("pkg:npm/%40codemirror/") for purl in components)
    assert not any("esbuild" in purl for purl in components)
    for item in components.values():
        assert item["licenses"]
        assert item.get("hashes") or item["externalReferences"]


def test_the_same_lock_files_give_the_same_bill() -> None:
    assert bill.sbom() == bill.sbom()


def test_a_licence_that_may_not_be_distributed_ends_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bill, "TAKEN", bill.TAKEN - {"MIT"})
    assert bill.main(str(tmp_path / "bill.json")) == 1
    assert not (tmp_path / "bill.json").exists()


def requirements() -> list[list[str]]:
    """The rows of the list: id, level, words, state, evidence."""
    lines = ASVS.read_text().splitlines()
    return [line.strip("| ").split(" | ") for line in lines if re.match(r"\| V\d", line)]


def test_the_list_has_every_requirement_of_levels_1_and_2_once_and_in_order() -> None:
    numbers = [tuple(map(int, row[0][1:].split("."))) for row in requirements()]
    assert numbers == sorted(set(numbers))
    # As many as the published table of 5.0.0 has.
    assert Counter(row[1] for row in requirements()) == {"1": 70, "2": 183}


def test_the_list_s_states_are_known_and_counted() -> None:
    rows = requirements()
    assert {row[3] for row in rows} <= set(STATES)
    text = ASVS.read_text()
    for level in ("1", "2"):
        counts = Counter(row[3] for row in rows if row[1] == level)
        cells = [str(counts[state]) for state in STATES] + [str(sum(counts.values()))]
        assert f"| level {level} | {' | '.join(cells)} |" in text


def test_what_is_met_names_its_evidence_or_says_that_there_is_none_of_it() -> None:
    for row in requirements():
        assert len(row) == 5, row
        assert len(row[4]) > 3, row


@pytest.mark.parametrize("document", [ASVS, THREATS], ids=lambda path: path.name)
def test_files_and_tests_that_a_document_names_are_there(document: Path) -> None:
    named = _EVIDENCE.findall(document.read_text())
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).exists()] == []
