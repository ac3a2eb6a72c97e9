"""Reads YAML 1.2 (or JSON) into a plain document, with the line and column of everything in it.

Scalars follow YAML 1.2's core schema (section 10.3.2): ``no`` and ``on`` are texts, ``012`` is the
number 12, a date is a text. The source of plain scalars is kept, for values that are taken as
written. Anchors, aliases, tags, duplicate keys, keys that are no texts and more than one document
are faults; all of them are reported, but for errors of syntax, of which the first ends the reading.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from firesteel.model.fault import Fault, Pointer, Position, child

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 100
MAX_VALUES: Final = 10_000
"""Keys, items and values of a document: reading and checking one takes its time (P27)."""
MAX_DIGITS: Final = 4300

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "false": False}
_BOOLEAN |= {word.capitalize(): value for word, value in _BOOLEAN.items()}
_BOOLEAN |= {word.upper(): value for word, value in _BOOLEAN.items()}
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)
# All that YAML 1.2 (section 5.1) does not print, and the byte order mark past the beginning.
_CONTROL = re.compile(
    r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_NOT_STORABLE = re.compile(r"[\x00\ud800-\udfff]")
_SURROGATES = re.compile(r"(\\[^u])|\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as plain JSON and where its parts stand.

    ``positions``: of values by pointer; ``keys``: of the keys of mappings by the pointer of their
    value; ``written``: the source of scalars by pointer, of plain ones only. ``faults``: those of
    YAML; what stands at the pointers in ``broken`` could not be read and is null in ``document``.
    """

    file: str
    document: Any
    positions: dict[Pointer, Position]
    keys: dict[Pointer, Position]
    written: dict[Pointer, str]
    faults: list[Fault]
    broken: frozenset[Pointer] = frozenset()

    def position(self, pointer: Pointer) -> Position:
        """Where the value at ``pointer`` stands, or the nearest thing around it that there is. For
        a mapping or list that is the place of its key.
        """
        while pointer and pointer not in self.positions:
            pointer = pointer.rpartition("/")[0]
        return self.positions.get(pointer, (1, 1))

    def key_position(self, pointer: Pointer) -> Position:
        """Where the key of the value at ``pointer`` stands, or else its value."""
        return self.keys.get(pointer) or self.position(pointer)

    def fault(self, pointer: Pointer, code: str, detail: str, hint: str = "") -> Fault:
        """A fault of the value at ``pointer``, placed in the file."""
        line, column = self.position(pointer)
        return Fault(self.file, line, column, pointer, code, detail, hint)


def load_document(text: str, file: str) -> Loaded:
    """Read one document; never raises. ``file`` is the name that faults show.

    A ``document`` of None with faults: nothing could be read.
    """
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        return _nothing(file, (1, 1), "document_too_large", "a file holds at most 1 MiB")
    text = text.removeprefix("\ufeff")
    if control := _control_faults(text, file):
        return Loaded(file, None, {}, {}, {}, control)
    composer = _Composer(file)
    try:
        for event in yaml.parse(_without_surrogate_pairs(text), Loader=_LOADER):
            composer.take(event)
            if composer.ended:
                break
    except yaml.YAMLError as error:
        composer.faults.append(_syntax_fault(error, text, file))
        return Loaded(file, None, {}, {}, {}, composer.faults)
    if composer.values > MAX_VALUES + 1:
        detail = f"a document holds at most {MAX_VALUES:,} values"
        return _nothing(file, (1, 1), "document_too_large", detail)
    return composer.loaded()


def core_scalar(text: str) -> Any:
    """The value of a plain scalar by YAML 1.2's core schema.

    Raises ValueError for numbers that JSON cannot hold: infinite, not a number, too many digits.
    """
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if text[0] not in "+-.0123456789":
        return text
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("a number is finite")
    return _number(text)


def _number(text: str) -> int | float | str:
    if _INTEGER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise ValueError(f"a number has at most {MAX_DIGITS} digits")
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if not _FLOAT.fullmatch(text):
        return text
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is at most 1.7e308")
    return number


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come; ``key`` is that of the value to come."""

    value: dict[str, Any] | list[Any]
    pointer: Pointer
    key: str | None = None
    skip: bool = False


@dataclass(slots=True)
class _Composer:
    """Builds the document from the events of the parser; keeps its own stack, so depth is safe."""

    file: str
    ended: bool = False
    documents: int = 0
    values: int = 0
    document: Any = None
    stack: list[_Open] = field(default_factory=list)
    positions: dict[Pointer, Position] = field(default_factory=dict)
    keys: dict[Pointer, Position] = field(default_factory=dict)
    written: dict[Pointer, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    broken: set[Pointer] = field(default_factory=set)

    def take(self, event: Any) -> None:
        """The next event of the parser."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._document_start(event)
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.stack.pop()

    def loaded(self) -> Loaded:
        """What was read."""
        if not self.positions and not self.faults:
            self.faults.append(Fault(self.file, 1, 1, "", "document_empty", "the file is empty"))
        return Loaded(
            self.file,
            self.document,
            self.positions,
            self.keys,
            self.written,
            self.faults,
            frozenset(self.broken),
        )

    def _document_start(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self.ended = True
            detail = "a file holds one document"
            self._fault(event, "", "yaml_documents", detail, "put each into a file of its own")

    def _fault(self, event: Any, pointer: Pointer, code: str, detail: str, hint: str = "") -> None:
        line, column = _place(event.start_mark)
        self.faults.append(Fault(self.file, line, column, pointer, code, detail, hint))

    def _node(self, event: Any) -> None:
        parent = self.stack[-1] if self.stack else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            self._key(event, parent)
            return
        pointer = self._pointer(parent)
        self.values += 1
        if self.values > MAX_VALUES + 1:  # beside the document itself
            self.ended = True
            return
        self._decorations(event, pointer)
        if isinstance(event, yaml.ScalarEvent):
            self._add(event, parent, pointer, self._scalar(event, pointer))
        elif isinstance(event, yaml.AliasEvent):
            self.broken.add(pointer)
            self._add(event, parent, pointer, None)
        else:
            value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._add(event, parent, pointer, value)
            self._open(event, value, pointer)

    def _open(self, event: Any, value: Any, pointer: Pointer) -> None:
        self.stack.append(_Open(value, pointer))
        if len(self.stack) > MAX_DEPTH:
            self.ended = True
            detail = f"a document is nested at most {MAX_DEPTH} levels deep"
            self._fault(event, pointer, "yaml_depth", detail)

    def _key(self, event: Any, parent: _Open) -> None:
        """The key of the entry to come. One that cannot be used gets a name that no text has, so
        that its value is read, for the faults in it, and then dropped.
        """
        parent.skip = True
        parent.key = "?"
        if not isinstance(event, yaml.ScalarEvent):
            self._bad_key(event, parent)
            return
        self._decorations(event, parent.pointer)
        key = event.value
        parent.key = key
        pointer = child(parent.pointer, key)
        if not event.style and not _is_text(key):
            detail = "a key is a text"
            self._fault(event, parent.pointer, "yaml_key", detail, f'write "{key}":')
        elif key in parent.value:
            first = self.keys[pointer][0]
            detail = f"the key {key} stands twice in this mapping, first in line {first}"
            self._fault(event, pointer, "yaml_duplicate_key", detail, "remove one of the two")
        elif _NOT_STORABLE.search(key):
            self._fault(event, parent.pointer, "yaml_character", "a key holds no NUL character")
        else:
            parent.skip = False
            self.keys[pointer] = _place(event.start_mark)

    def _bad_key(self, event: Any, parent: _Open) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._decorations(event, parent.pointer)
            return
        hint = "quote a text that begins with { or ["
        self._fault(event, parent.pointer, "yaml_key", "a key is a text", hint)
        # What is in the key is read like any value, for its end to be found, and dropped.
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.stack.append(_Open(value, parent.pointer))

    def _pointer(self, parent: _Open | None) -> Pointer:
        if parent is None:
            return ""
        if isinstance(parent.value, list):
            return child(parent.pointer, len(parent.value))
        return child(parent.pointer, parent.key or "")

    def _add(self, event: Any, parent: _Open | None, pointer: Pointer, value: Any) -> None:
        if parent is None:
            self.document = value
        elif isinstance(parent.value, list):
            parent.value.append(value)
        else:
            key, parent.key = parent.key, None
            if parent.skip:
                return
            assert key is not None
            parent.value[key] = value
        key_position = self.keys.get(pointer)
        place = key_position if key_position and isinstance(value, dict | list) else None
        self.positions[pointer] = place or _place(event.start_mark)

    def _decorations(self, event: Any, pointer: Pointer) -> None:
        if event.anchor is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            detail = f"anchors and aliases are not taken ({sign}{event.anchor})"
            hint = f"quote a text that begins with {sign}, or write the value out"
            self._fault(event, pointer, "yaml_alias", detail, hint)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.broken.add(pointer)
            hint = "quote a text that begins with !"
            self._fault(event, pointer, "yaml_tag", f"tags are not taken ({tag})", hint)

    def _scalar(self, event: Any, pointer: Pointer) -> Any:
        if _NOT_STORABLE.search(event.value):
            self.broken.add(pointer)
            self._fault(event, pointer, "yaml_character", "a text holds no NUL character")
            return None
        if event.style:
            return event.value
        self.written[pointer] = event.value
        try:
            return core_scalar(event.value)
        except ValueError as error:
            self.broken.add(pointer)
            self._fault(event, pointer, "yaml_number", str(error), "quote it if it is a text")
            return None


def _is_text(key: str) -> bool:
    try:
        return isinstance(core_scalar(key), str)
    except ValueError:
        return False


def _place(mark: Any) -> Position:
    return mark.line + 1, mark.column + 1


def _nothing(file: str, position: Position, code: str, detail: str) -> Loaded:
    fault = Fault(file, position[0], position[1], "", code, detail)
    return Loaded(file, None, {}, {}, {}, [fault])


def _control_faults(text: str, file: str) -> list[Fault]:
    """One fault for each line that holds a control character, at most twenty."""
    faults: dict[int, Fault] = {}
    for match in _CONTROL.finditer(text):
        start = text.rfind("\n", 0, match.start()) + 1
        line, column = text.count("\n", 0, start) + 1, match.start() - start + 1
        detail = f"the control character U+{ord(match.group()):04X} may not stand here"
        fault = Fault(file, line, column, "", "yaml_character", detail, "remove it, or escape it")
        faults.setdefault(line, fault)
        if len(faults) >= 20:
            break
    return list(faults.values())


def _without_surrogate_pairs(text: str) -> str:
    """JSON writes characters past U+FFFF as two escapes, which YAML does not know: write them out.

    Only where the text is JSON, for in YAML's other texts a backslash is just that.
    """
    if "\\u" not in text or not text.lstrip().startswith("{"):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text

    def written_out(match: re.Match[str]) -> str:
        if match.group(1):
            return match.group(1)
        high, low = int(match.group(2), 16), int(match.group(3), 16)
        return chr(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF))

    return _SURROGATES.sub(written_out, text)


def _syntax_fault(error: yaml.YAMLError, text: str, file: str) -> Fault:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = _place(mark) if mark is not None else (1, 1)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    lines = text.splitlines() or [""]
    source = lines[min(line, len(lines)) - 1]
    if unquoted := _unquoted_expression(source):
        column = unquoted
        hint = 'quote the expression: "{% ... %}"'
    elif "\t" in source[: len(source) - len(source.lstrip())]:
        hint = "indent with spaces, not with tabs"
    elif "mapping values are not allowed" in problem:
        hint = "quote a text that holds a colon and a space, and look at the indentation"
    else:
        hint = "look at the indentation, the quotes and the brackets here and in the line above"
    return Fault(file, line, column, "", "yaml_syntax", f"this is not YAML: {problem}", hint)


def _unquoted_expression(source: str) -> int:
    """The column of a ``{%`` outside quotes in a line, from 1; 0 where there is none."""
    quote = ""
    for index, character in enumerate(source):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and (index == 0 or source[index - 1] in " [{,:\t"):
            quote = character
        elif source.startswith("{%", index):
            return index + 1
    return 0
