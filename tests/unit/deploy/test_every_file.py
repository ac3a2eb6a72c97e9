"""What holds of all of deploy/: the settings it names exist, nothing floats, nothing is secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from firesteel.cli.app import application
from firesteel.settings import SETTINGS
from tests.support.deployment import DEPLOY, ROOT, documents, files, variables

KNOWN = {setting.variable for setting in SETTINGS}
TEXTS = [path for path in files() if path.suffix != ".py"]


def name(path: Path) -> str:
    return str(path.relative_to(DEPLOY))


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_every_variable_is_a_setting(path: Path) -> None:
    assert variables(path.read_text()) - KNOWN == set()


def test_the_check_of_variables_finds_one_that_is_none() -> None:
    assert variables("FIRESTEEL_PROT=80, FIRESTEEL_PORT=80") - KNOWN == {"FIRESTEEL_PROT"}


@pytest.mark.parametrize("path", [path for path in TEXTS if path.suffix == ".yaml"], ids=name)
def test_every_yaml_file_has_no_key_twice(path: Path) -> None:
    assert documents(path.read_text())


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_every_image_has_a_version(path: Path) -> None:
    text = path.read_text()
    named = re.findall(r"^\s*(?:- )?(?:image:|ARG BASE=|FROM)\s*(\S+)", text, re.MULTILINE)
    ours = {"${BASE}"} | ({"firesteel"} if "kubernetes" in path.parts else set())
    floating = [image for image in named if not re.search(r":[\w.-]*\d", image)]
    assert set(floating) - ours == set()
    assert not [image for image in named if image.endswith(":latest")]


def test_our_own_image_has_the_version_of_the_package() -> None:
    package = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert package is not None
    text = "\n".join(path.read_text() for path in TEXTS)
    named = re.findall(r"\bfiresteel:(\d[\w.]*)", text) + re.findall(r"newTag: (\S+)", text)
    assert named
    assert set(named) == {package[1]}


def test_every_command_of_a_node_and_its_options_exist() -> None:
    commands = typer.main.get_command(application()).commands  # type: ignore[attr-defined]
    started = [
        line.split(", ")
        for path in TEXTS
        for line in re.findall(
            r"^ *(?:command|args): \[(serve.*)\]", path.read_text(), re.MULTILINE
        )
    ]
    assert started
    for words in started:
        options = {option for each in commands[words[0]].params for option in each.opts}
        assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_no_file_holds_a_secret(path: Path) -> None:
    given = re.findall(r"FIRESTEEL_ENCRYPTION_KEY[=:][ \t]*([^\s\\']+)", path.read_text())
    passwords = re.findall(r"postgresql://\w+:([^@\s]+)@", path.read_text())
    assert set(given) <= {"%s"}
    assert set(passwords) <= {"%s", "the-password"}
