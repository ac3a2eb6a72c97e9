"""Two documents line beside line."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from firesteel.model.difference import LinePair, side_by_side
from firesteel.model.yaml_writer import write_yaml

DOCUMENTS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.one_of(st.integers(), st.lists(st.sampled_from(["x", "y"])), st.text("pq\n", max_size=5)),
    max_size=4,
)


def test_what_changed_stands_beside_what_it_was() -> None:
    old = {"name": "a", "search": {"order": "body.no"}, "retention": {"history": "30d"}}
    new = {"name": "a", "search": {"order": "body.id"}, "redact": ["body.card"]}

    assert side_by_side(old, new)[:3] == [
        LinePair("same", 1, "name: a", 1, "name: a"),
        LinePair("same", 2, "search:", 2, "search:"),
        LinePair("changed", 3, "  order: body.no", 3, "  order: body.id"),
    ]


@settings(deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_either_side_is_the_whole_file(old: dict[str, object], new: dict[str, object]) -> None:
    pairs = side_by_side(old, new)

    before = [pair.old for pair in pairs if pair.old_number is not None]
    after = [pair.new for pair in pairs if pair.new_number is not None]
    assert before == write_yaml(old).splitlines()
    assert after == write_yaml(new).splitlines()
    assert all(pair.old == pair.new for pair in pairs if pair.kind == "same")
    assert (before == after) == all(pair.kind == "same" for pair in pairs)
