"""What tests read out of deploy/: YAML without doubled keys, the Containerfile, the unit."""

from __future__ import annotations

import re
import shlex
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

_VARIABLE = re.compile(r"\bFIRESTEEL_[A-Z_]*[A-Z]\b")


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Containerfile: ``word`` in capitals, ``rest`` on one line. ``stage``
    counts the FROMs up to it."""

    stage: int
    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The rest as a shell would split it."""
        return shlex.split(self.rest)

    @property
    def operands(self) -> list[str]:
        """Its words that are no options."""
        return [word for word in self.words if not word.startswith("--")]


class _StrictLoader(yaml.SafeLoader):
    """Refuses a mapping that has a key twice, of which YAML parsers take the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Raises ConstructorError with the place of the second one."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and key.value != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands here twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def documents(text: str) -> list[Any]:
    """The documents of a YAML file; raises YAMLError."""
    return [each for each in yaml.load_all(text, _StrictLoader) if each is not None]


def document(path: Path) -> Any:
    """The one document of a YAML file."""
    (found,) = documents(path.read_text())
    return found


def files() -> list[Path]:
    """Every file of deploy/ that is in the tree: not the secrets that somebody made there."""
    return [
        path
        for path in sorted(DEPLOY.rglob("*"))
        if path.is_file() and not {"secrets", "__pycache__"} & set(path.parts)
    ]


def variables(text: str) -> set[str]:
    """The names of Firesteel's variables in a text."""
    return set(_VARIABLE.findall(text))


def containerfile() -> list[Instruction]:
    """The instructions of the Containerfile, in order."""
    lines = (DEPLOY / "container" / "Containerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    found: list[Instruction] = []
    stage = 0
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            stage += word.upper() == "FROM"
            found.append(Instruction(stage, word.upper(), rest.strip()))
    return found


def directives(path: Path) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of each line of a systemd unit."""
    section = ""
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            yield section, key, value


def assignments(text: str) -> dict[str, str]:
    """The variables of an environment file."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}
