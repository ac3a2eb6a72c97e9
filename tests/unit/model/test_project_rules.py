"""Rules between the integrations of one project."""

from firesteel.model.project_rules import called, check_together
from firesteel.model.yaml_source import Loaded, load_document


def calling(name: str, *targets: str) -> Loaded:
    steps = [f"{{name: s{n}, call: {{integration: {t}}}}}" for n, t in enumerate(targets)]
    text = f"name: {name}\nworkflow:\n  steps: [{', '.join(steps)}]\n"
    return load_document(text, f"{name.lower()}.yaml")


def test_integrations_that_call_each_other_without_a_circle_are_sound() -> None:
    assert (
        check_together([calling("A", "B", "C"), calling("B", "C"), calling("C", "D")], ["D"]) == []
    )
    assert called(calling("A", "B").document) == [("/workflow/steps/0/call/integration", "B")]


def test_a_name_stands_in_one_file() -> None:
    again = load_document("name: A\n", "other.yaml")
    (fault,) = check_together([calling("A"), again])
    assert (fault.file, fault.line, fault.column, fault.code) == ("other.yaml", 1, 7, "not_unique")
    assert "a.yaml" in fault.detail


def test_an_integration_that_is_called_exists() -> None:
    (fault,) = check_together([calling("A", "Pricee"), calling("Price")])
    assert (fault.file, fault.line, fault.code) == ("a.yaml", 3, "integration_unknown")
    assert fault.hint == "did you mean Price?"


def test_a_circle_of_calls_is_refused_in_every_file_of_it() -> None:
    faults = check_together(
        [calling("A", "B"), calling("B", "C"), calling("C", "A", "D"), calling("D")]
    )
    assert [(fault.file, fault.code) for fault in faults] == [
        ("a.yaml", "call_cycle"),
        ("b.yaml", "call_cycle"),
        ("c.yaml", "call_cycle"),
    ]
    assert "A > B > C > A" in faults[0].detail


def test_files_that_cannot_be_read_take_no_part() -> None:
    broken = load_document("a: {% x %}", "broken.yaml")
    nameless = load_document("name: 5\n", "nameless.yaml")
    assert check_together([broken, nameless, load_document("[]", "list.yaml")]) == []
