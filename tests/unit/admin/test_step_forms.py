"""Forms of steps and documents: what is shown comes back as it was."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.datastructures import FormData

from firesteel.admin.console.editing import step_lists
from firesteel.admin.console.editing.documents import TypedWrongly, pretty, read, written
from firesteel.admin.console.editing.step_forms import (
    HTTP_BODIES,
    RETRY_KEYS,
    fields_of,
    parts_of,
    step_of,
    typed_fields,
)
from firesteel.errors import CallerError

STEPS: list[dict[str, Any]] = [
    {
        "name": "price",
        "when": "{% input.item %}",
        "sql": {
            "connection": "erp",
            "statement": "select 1 where a = :a and b = :b",
            "parameters": {"a": "{% input.a %}", "b": "12", "c": 12, "d": None, "e": {"f": []}},
            "result": "one",
            "once": True,
        },
        "timeout": "5s",
        "retry": {"attempts": 3, "factor": 1.5, "first_delay": "1s"},
    },
    {"name": "all", "sql": {"connection": "erp", "transaction": [{"statement": "select 1"}]}},
    {
        "name": "tell",
        "http": {
            "connection": "shop",
            "method": "POST",
            "path": "/o/{% input.no %}",
            "query": {"q": ["a", "b"]},
            "headers": {"x-a": "1.0"},
            "json": {"total": "{% steps.price %}"},
            "expect": ["200-299", 404],
            "result": "response",
        },
    },
    {"name": "say", "http": {"url": "https://example.com", "method": "GET", "text": '{"a": 1}'}},
    {"name": "total", "map": "{% steps.price.price * 2 %}"},
    {"name": "constant", "map": "12"},
    {"name": "count", "python": "pricing:count", "arguments": ["{% input %}"]},
    {
        "name": "route",
        "choose": [
            {"when": "{% input.a %}", "steps": [{"name": "one", "map": 1}]},
            {"otherwise": [{"name": "two", "map": 2}]},
        ],
    },
    {
        "name": "lines",
        "for_each": {
            "items": "{% body.lines %}",
            "steps": [{"name": "inner", "map": "{% item %}"}],
            "concurrency": 4,
        },
    },
    {"name": "other", "call": {"integration": "Other", "input": "{% input %}"}},
    {"name": "stop", "fail": {"message": "no {% input %}", "permanent": False}},
]
DOCUMENT: dict[str, Any] = {"name": "x", "workflow": {"steps": STEPS}}


def posted(step: dict[str, Any]) -> FormData:
    """What a browser sends of the form that shows a step."""
    kind = step_lists.kind_of(step)
    shown = fields_of(step)
    pairs = [(key, str(shown[key])) for key in ("name", "when", "timeout")]
    pairs += [(f"retry.{key}", str(shown["retry"][key])) for key in RETRY_KEYS]
    for key, value in shown[kind].items():
        if key == "branches":
            for number, (when, _) in enumerate(value):
                pairs += [("choose.when", when), ("choose.index", str(number))]
        elif isinstance(value, list):
            for name, typed in value:
                pairs += [(f"{kind}.{key}.name", name), (f"{kind}.{key}.value", typed)]
        elif not isinstance(value, bool) or value:
            pairs.append((f"{kind}.{key}", "on" if value is True else str(value)))
    return FormData(pairs)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: str(step["name"]))
def test_what_a_form_shows_of_a_step_is_the_same_step_again(step: dict[str, Any]) -> None:
    assert step_of(step_lists.kind_of(step), posted(step), step) == step


@pytest.mark.parametrize(
    "step", [{}, {"name": 1, "retry": 2, "when": 3}, {"sql": 1}, {"choose": {}}, {"http": []}]
)
def test_a_step_of_any_form_is_shown(step: dict[str, Any]) -> None:
    kind = step_lists.kind_of(step) or "map"
    assert kind in fields_of(step, kind)
    assert step_lists.summary(step)
    assert isinstance(parts_of(step), dict)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: str(step["name"]))
def test_what_cannot_be_taken_is_shown_as_it_was_typed(step: dict[str, Any]) -> None:
    kind = step_lists.kind_of(step)
    shown, again = fields_of(step)[kind], typed_fields(kind, posted(step))[kind]
    shown = {
        key: value if isinstance(value, bool | list) else str(value) for key, value in shown.items()
    }
    if kind == "choose":
        shown["branches"] = [(when, 0) for when, _ in shown["branches"]]
    assert again == shown


@pytest.mark.parametrize(
    "value",
    [
        "text",
        "{% input %}",
        "12",
        '"quoted"',
        "true",
        '{"a": 1}',
        12,
        1.5,
        True,
        [1],
        {"a": "{% b %}"},
        None,
    ],
)
def test_documents_keep_their_type(value: Any) -> None:
    assert read(written(value)) == value


@pytest.mark.parametrize("text", ['{"a": }', "[1,", '"open'])
def test_what_begins_as_json_and_is_none_is_refused(text: str) -> None:
    with pytest.raises(TypedWrongly, match="no JSON"):
        read(text, "/map")


def test_values_are_shown_in_lines_with_every_digit() -> None:
    text = '{"a":1.10,"b":[],"c":{"d":"x,\\"{"},"e":[12345678901234567890123,{}]}'
    assert pretty(text) == (
        '{\n  "a": 1.10,\n  "b": [],\n  "c": {\n    "d": "x,\\"{"\n  },\n'
        '  "e": [\n    12345678901234567890123,\n    {}\n  ]\n}'
    )


def test_the_parts_of_a_step_stand_under_the_pointers_of_the_step() -> None:
    assert parts_of(STEPS[0])["sql"] == {"parameters": STEPS[0]["sql"]["parameters"]}
    assert parts_of(STEPS[0])["when"] == "{% input.item %}"
    assert set(parts_of(STEPS[2])["http"]) == {"path", "query", "headers", "json"}
    assert parts_of(STEPS[7]) == {"choose": [{"when": "{% input.a %}"}]}
    assert "json" in HTTP_BODIES


def test_steps_are_listed_with_those_within_them() -> None:
    lines = step_lists.lines(DOCUMENT)
    assert [line.name or line.text for line in lines][7:] == [
        "route",
        "When {% input.a %}",
        "one",
        "Otherwise",
        "two",
        "lines",
        "For each item",
        "inner",
        "other",
        "stop",
    ]
    inner = next(line for line in lines if line.name == "inner")
    assert (inner.depth, inner.pointer, inner.into) == (
        2,
        "/workflow/steps/8/for_each/steps/0",
        "lines",
    )


def names(document: dict[str, Any], into: list[Any] | None = None) -> list[str]:
    return [step["name"] for step in (into or document["workflow"]["steps"])]


def test_steps_are_moved_within_their_list_as_far_as_it_goes() -> None:
    assert names(step_lists.moved(DOCUMENT, "all", -1))[:2] == ["all", "price"]
    assert names(step_lists.moved(DOCUMENT, "price", -1)) == names(DOCUMENT)
    assert names(step_lists.moved(DOCUMENT, "stop", 1)) == names(DOCUMENT)
    assert step_lists.moved(DOCUMENT, "inner", 1) == DOCUMENT


def test_steps_are_added_to_every_list() -> None:
    new = {"name": "new", "map": 1}
    assert names(step_lists.added(DOCUMENT, new, ""))[-1] == "new"
    loop = step_lists.added(DOCUMENT, new, "lines")["workflow"]["steps"][8]["for_each"]["steps"]
    assert names(DOCUMENT, loop) == ["inner", "new"]
    route = step_lists.added(DOCUMENT, new, "route/1")["workflow"]["steps"][7]["choose"]
    assert names(DOCUMENT, route[1]["otherwise"]) == ["two", "new"]
    assert step_lists.added({"name": "x"}, new, "") == {"name": "x", "workflow": {"steps": [new]}}
    with pytest.raises(CallerError):
        step_lists.added(DOCUMENT, new, "route/7")


def test_steps_are_replaced_and_removed_wherever_they_are() -> None:
    changed = step_lists.replaced(DOCUMENT, "inner", {"name": "other_name", "map": 2})
    assert step_lists.find(changed, "other_name") == {"name": "other_name", "map": 2}
    gone = step_lists.removed(DOCUMENT, "lines")
    with pytest.raises(CallerError):
        step_lists.find(gone, "inner")
    assert step_lists.find(DOCUMENT, "inner")["map"] == "{% item %}"


def test_a_branch_keeps_its_steps_when_one_before_it_is_removed() -> None:
    before = {
        "name": "route",
        "choose": [
            {"when": "{% a %}", "steps": [{"name": "one", "map": 1}]},
            {"when": "{% b %}", "steps": [{"name": "two", "map": 2}]},
        ],
    }
    form = FormData([("name", "route"), ("choose.when", "{% c %}"), ("choose.index", "1")])
    (branch,) = step_of("choose", form, before)["choose"]
    assert branch == {"when": "{% c %}", "steps": [{"name": "two", "map": 2}]}


def test_a_new_step_has_a_name_that_is_free() -> None:
    assert step_lists.free_name(DOCUMENT, "map") == "map"
    taken = {"workflow": {"steps": [{"name": "map"}, {"name": "map_2"}]}}
    assert step_lists.free_name(taken, "map") == "map_3"
