"""Previews: an expression, a document of expressions or a response, evaluated on a sample.

Nothing is touched and nothing kept. Every fault is told with its place, so that an editor can mark
it; names that are never there are told as well, although the value is worked out all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from firesteel.errors import FiresteelError
from firesteel.model import frames
from firesteel.model.document import check_document
from firesteel.model.expression_names import ExpressionNames, Reads
from firesteel.model.expressions import steps, texts
from firesteel.model.fault import Pointer
from firesteel.model.findings import Findings, mapping
from firesteel.model.integration import ResponseTemplate
from firesteel.model.json_exact import NotJson, dumps
from firesteel.model.section import Reading
from firesteel.model.template import CLOSE, OPEN, TemplateError, split
from firesteel.model.trials import PlacedFault
from firesteel.worker.expressions import ExpressionSyntax, compile_expression
from firesteel.worker.expressions.errors import ExpressionError
from firesteel.worker.expressions.values import Deferred
from firesteel.worker.failures import StepError
from firesteel.worker.mapping import (
    UNDEFINED,
    compile_document,
    compile_response,
    render_response,
    result_of_steps,
)
from firesteel.worker.standing import Standing, View

LIST_ITEMS: Final = 50
TEXT_CHARACTERS: Final = 1000
DEPTH: Final = 20
RESPONSE_KEYS: Final = ("status", "headers", "body", "text")


@dataclass(frozen=True, slots=True)
class _Source:
    """An expression: ``offset`` characters into the text at ``pointer``."""

    pointer: Pointer
    text: str
    source: str
    offset: int

    def fault(self, code: str, detail: str, line: int | None, column: int | None) -> PlacedFault:
        """At a line and column of the expression."""
        if line is None or column is None:
            return PlacedFault(self.pointer, code, detail)
        before = self.text[: self.offset]
        if line == 1:
            column += len(before) - (before.rfind("\n") + 1)
        return PlacedFault(self.pointer, code, detail, line + before.count("\n"), column)


def preview(frame: frames.Preview) -> frames.Previewed:
    """The answer; raises nothing. May take seconds: call it in a thread."""
    number = frame.request_no
    try:
        return _previewed(frame)
    except StepError as error:
        inner = error.failure.faults
        found = [PlacedFault(fault.pointer, fault.code, fault.detail) for fault in inner]
        whole = PlacedFault("", error.failure.code, error.failure.detail)
        return frames.Previewed(number, found or [whole])
    except FiresteelError as error:
        return frames.Previewed(number, [PlacedFault("", error.code, error.detail)])
    except Exception as error:  # noqa: BLE001  # whatever it is, the engine is told
        detail = f"the preview failed: {type(error).__name__}"
        return frames.Previewed(number, [PlacedFault("", "preview_failed", detail)])


def _previewed(frame: frames.Preview) -> frames.Previewed:
    what = mapping(json.loads(frame.what))
    standing = Standing(frame.ground)
    if isinstance(what.get("data_processing"), str):
        return _data_processing(frame, standing, what["data_processing"])
    if "response" in what:
        return _response(frame, standing, mapping(what["response"]))
    name = what.get("step")
    view = standing.at_step(name) if isinstance(name, str) else standing.at_end()
    if "template" not in what:
        return _answer(frame, view)
    return _template(frame, standing, view, what)


def _data_processing(frame: frames.Preview, standing: Standing, source: str) -> frames.Previewed:
    context = standing.received()
    view = View(context)
    written = _Source("", source, source, 0)
    if source.strip().startswith(OPEN):
        detail = "data processing is an expression itself and takes no {% %}"
        return _answer(frame, view, [PlacedFault("", "expression_not_allowed", detail, 1, 1)])
    faults = _check([written], "/data_processing", standing)
    if _blocking(faults):
        return _answer(frame, view, faults)
    try:
        value = compile_expression(source).evaluate(context, undefined=UNDEFINED)
    except ExpressionError as error:
        faults = [written.fault(error.code, error.reason, error.line, error.column), *faults]
        return _answer(frame, view, faults)
    return _answer(frame, view, faults, value)


def _template(
    frame: frames.Preview, standing: Standing, view: View, what: dict[str, Any]
) -> frames.Previewed:
    template = what["template"]
    sources, faults = _sources(texts(template))
    name = what.get("step")
    at = standing.pointer(name) if isinstance(name, str) else None
    faults += _check(sources, f"{at or '/response'}/map", standing)
    if _blocking(faults):
        return _answer(frame, view, faults)
    try:
        value = compile_document(template).evaluate(view.context, UNDEFINED)
    except ExpressionError as error:
        return _answer(frame, view, [_failing(sources, view, error), *faults])
    return _answer(frame, view, faults, value)


def _response(
    frame: frames.Preview, standing: Standing, written: dict[str, Any]
) -> frames.Previewed:
    view = standing.at_end()
    checked = check_document({"name": "preview", "response": written})
    faults = [
        PlacedFault(fault.pointer.removeprefix("/response"), fault.code, fault.detail)
        for fault in checked.faults
        if fault.pointer.startswith("/response")
    ]
    parts = {key: written[key] for key in RESPONSE_KEYS if key in written}
    sources, unclosed = _sources(texts(parts))
    faults += [fault for fault in unclosed if fault.pointer not in {it.pointer for it in faults}]
    faults += _check(sources, "/response", standing)
    if _blocking(faults):
        return _answer(frame, view, faults)
    template = compile_response(ResponseTemplate.model_validate(written, context=Reading()))
    try:
        rendered = render_response(template, view.context, result_of_steps(view.last))
    except ExpressionError as error:
        return _answer(frame, view, [_failing(sources, view, error), *faults])
    cut = frames.VALUE_BYTES
    shown = (
        rendered
        if len(rendered.body) <= cut
        else type(rendered)(rendered.status, rendered.headers, rendered.body[:cut])
    )
    answer = _answer(frame, view, faults)
    return frames.Previewed(
        answer.request_no,
        answer.faults,
        size_bytes=len(rendered.body),
        response=shown,
        sees=answer.sees,
        missing=answer.missing,
    )


def _answer(
    frame: frames.Preview,
    view: View,
    faults: Iterable[PlacedFault] = (),
    value: Any = UNDEFINED,
) -> frames.Previewed:
    found = list(faults)
    written = b""
    if value is not UNDEFINED:
        try:
            written = dumps(value)
        except NotJson as error:
            found.append(PlacedFault("", "expression_failed", str(error)))
    return frames.Previewed(
        frame.request_no,
        found,
        shortened_text(written),
        len(written),
        sees=dumps(_seen(view.context)) if frame.sees else b"",
        missing=view.missing,
    )


def shortened_text(data: bytes) -> bytes:
    """As much of a JSON text as people are shown, whole characters only."""
    if len(data) <= frames.VALUE_BYTES:
        return data
    return data[: frames.VALUE_BYTES].decode("utf-8", "ignore").encode()


def _sources(found: Iterable[tuple[Pointer, str]]) -> tuple[list[_Source], list[PlacedFault]]:
    """The expressions in texts, and the faults of texts that do not close theirs."""
    sources: list[_Source] = []
    faults: list[PlacedFault] = []
    for pointer, text in found:
        try:
            split(text)
        except TemplateError as error:
            faults.append(PlacedFault(pointer, error.code, str(error), *_line_of_open(text)))
        else:
            sources.extend(_placed(pointer, text))
    return sources, faults


def _placed(pointer: Pointer, text: str) -> Iterator[_Source]:
    at = 0
    while (start := text.find(OPEN, at)) >= 0:
        at = text.index(CLOSE, start + 2) + 2
        inner = text[start + 2 : at - 2]
        blank = len(inner) - len(inner.lstrip())
        yield _Source(pointer, text, inner.strip(), start + 2 + blank)


def _line_of_open(text: str) -> tuple[int, int]:
    """Of the last ``{%``, which is the one that is not closed or is empty."""
    before = text[: max(text.rfind(OPEN), 0)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _check(sources: list[_Source], at: Pointer, standing: Standing) -> list[PlacedFault]:
    """What does not compile, or reads what is never there; ``at``: the place in the document."""
    faults: list[PlacedFault] = []
    names = ExpressionNames(steps(standing.document))
    for source in sources:
        try:
            reads = compile_expression(source.source).reads()
        except ExpressionSyntax as error:
            faults.append(source.fault(error.code, error.reason, error.line, error.column))
            continue
        for path in reads.paths:
            findings = Findings()
            names.check(f"{at}{source.pointer}", Reads((path,)), findings)
            for finding in findings.faults:
                line, column = _place_of(path[finding.code == "step_unknown"], source.source)
                detail = f"{finding.detail} ({finding.hint})" if finding.hint else finding.detail
                faults.append(source.fault(finding.code, detail, line, column))
    return faults


def _place_of(name: str, source: str) -> tuple[int, int]:
    """Where the source says the name first."""
    match = re.search(rf"(?<![\w$]){re.escape(name)}(?!\w)", source)
    before = source[: match.start() if match else 0]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _blocking(faults: list[PlacedFault]) -> bool:
    """Whether there is anything but names that are never there, which are undefined."""
    return any(fault.code not in ("name_unknown", "step_unknown") for fault in faults)


def _failing(sources: list[_Source], view: View, error: ExpressionError) -> PlacedFault:
    """Which of the expressions it is that failed."""
    for source in sources:
        try:
            compile_expression(source.source).evaluate(view.context)
        except ExpressionError as found:
            return source.fault(found.code, found.reason, found.line, found.column)
    return PlacedFault("", error.code, error.reason)


def _seen(context: dict[str, Any]) -> dict[str, Any]:
    """The context for people: long lists and texts cut; what cannot be read is left out."""
    seen = {}
    for name, value in context.items():
        try:
            seen[name] = _shortened(value, 0)
        except (FiresteelError, StepError):
            continue
    return seen


def _shortened(value: Any, depth: int) -> Any:
    if type(value) is Deferred:
        value = value.value()
    if isinstance(value, str):
        return value if len(value) <= TEXT_CHARACTERS else value[:TEXT_CHARACTERS] + "…"
    if depth >= DEPTH and isinstance(value, dict | list):
        return "…"
    if isinstance(value, dict):
        return {str(key): _shortened(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item, depth + 1) for item in value[:LIST_ITEMS]]
    return value
