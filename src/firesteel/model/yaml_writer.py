"""Writes a document as YAML for people: one canonical text, which reads back as the same document.

Keys stand in the order they have, mappings and lists in block style, lists of short scalars in one
line, texts of several lines as literal blocks. What YAML 1.1 or 1.2 would not read as the text it
is, is quoted, so that other tools read the file alike.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from firesteel.model.yaml_source import core_scalar

_ONE_LINE: Final = 80
_ENDLESS: Final = 1 << 30


def write_yaml(document: Any) -> str:
    """The canonical YAML of plain JSON; ends with a line break."""
    text: str = yaml.dump(
        document,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=_ENDLESS,
        indent=2,
    )
    return text.removesuffix("...\n")


class _Dumper(yaml.SafeDumper):
    """PyYAML's emitter with our choice of styles."""

    def ignore_aliases(self, data: Any) -> bool:
        """No anchors: they are faults when read."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Items of a list stand two columns in, as in the documentation."""
        super().increase_indent(flow, indentless=False)

    def text(self, data: str) -> yaml.ScalarNode:
        """A text in the plainest style that keeps it."""
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=_style(data))

    def listed(self, data: list[Any]) -> yaml.SequenceNode:
        """A list, in one line where it is short and of plain words and numbers."""
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=_is_short(data))


_Dumper.add_representer(str, _Dumper.text)
_Dumper.add_representer(list, _Dumper.listed)


def _style(text: str) -> str | None:
    if "\n" in text:
        return "|" if _keeps_as_block(text) else '"'
    if not text.isprintable():
        return '"'
    if "{%" in text and '"' not in text and "\\" not in text:
        return '"'
    return None if _reads_as_text(text) else '"'


def _keeps_as_block(text: str) -> bool:
    """Whether a literal block holds the text: no line ends in a space, begins the block with one,
    or has characters that need escapes.
    """
    lines = text.split("\n")
    if text[0] in " \n\t" or any(line != line.rstrip() or "\t" in line for line in lines):
        return False
    return all(line.isprintable() for line in lines)


def _reads_as_text(text: str) -> bool:
    """Whether YAML 1.2 reads it, plain, as this text (the emitter looks after YAML 1.1)."""
    try:
        return isinstance(core_scalar(text), str)
    except ValueError:
        return False


def _is_short(items: list[Any]) -> bool:
    if any(isinstance(item, dict | list) for item in items):
        return False
    texts = [str(item) for item in items]
    return "\n" not in "".join(texts) and sum(len(text) + 2 for text in texts) <= _ONE_LINE
