"""What mutation testing changes, and what it leaves alone."""

from __future__ import annotations

from scripts.mutations import mutants

SOURCE = '''
LIMIT = 3

def pairs(left, right):
    """The pairs."""
    note(left)
    if len(left) < LIMIT and right:
        return list(zip(left, right, strict=True))
    return sorted(left, reverse=True)
'''


def test_each_mutant_changes_one_thing_of_a_function() -> None:
    places = [mutant.place.partition(": ")[2] for mutant in mutants(SOURCE)]
    assert sorted(places) == [
        "'True' -> False",
        "'len(left) < LIMIT and right' -> Or",
        "'len(left) < LIMIT' -> LtE",
        "'note(left)' -> left out",
        "'return list(zip(left, right, strict=True))' -> return None",
        "'return sorted(left, reverse=True)' -> return None",
    ]


def test_that_two_lists_are_of_one_length_is_an_assertion_and_not_changed() -> None:
    lines = {mutant.line for mutant in mutants(SOURCE) if mutant.place.endswith("-> False")}
    assert lines == {9}


def test_a_mutant_is_known_again_where_only_other_functions_have_changed() -> None:
    def of_pairs(source: str) -> set[tuple[str, str]]:
        found = mutants(source)
        return {(one.place, one.code) for one in found if one.place.startswith("pairs+")}

    changed = SOURCE.replace("LIMIT = 3", "LIMIT = 4\n\ndef more():\n    return 1\n")
    assert of_pairs(changed) == of_pairs(SOURCE)
    assert not of_pairs(SOURCE.replace("note(left)", "note(right)")) & of_pairs(SOURCE)
