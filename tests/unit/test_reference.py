"""How the reference is written from the code, and that what people wrote stays."""

from __future__ import annotations

from scripts.reference import REFERENCE, errors_page, with_table
from scripts.reference_commands import commands, commands_page

PAGE = REFERENCE / "commands-operating.md"


def test_other_rows_leave_the_text_around_a_table_alone() -> None:
    page = "# A\n\n| Setting | Meaning |\n| --- | --- |\n| old | x |\n\nWritten by hand.\n"

    assert with_table(page, "Setting", [["`a`", "b|c"]]) == (
        "# A\n\n| Setting | Meaning |\n| --- | --- |\n| `a` | b\\|c |\n\nWritten by hand.\n"
    )


def test_a_problem_that_is_gone_goes_and_a_new_one_is_added_once() -> None:
    text = (REFERENCE / "errors.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| `overloaded` |"))
    changed = text.replace(f"{row}\n", "| `never_was` | 418 | Nothing. |\n")

    mended = errors_page(changed)

    assert "never_was" not in mended
    assert mended.count("| `overloaded` | 503 |") == 1
    assert errors_page(mended) == mended


def test_options_are_mended_and_what_is_written_by_hand_stays() -> None:
    text = PAGE.read_text().replace("| `--payloads` | Such as 7d;", "| `--payload` | Such as 9d;")
    text = text.replace("What is older goes within minutes", "By hand: what is older goes at once")

    mended = commands_page(PAGE.name, text)

    assert "| `--payloads` | Such as 7d;" in mended
    assert "By hand: what is older goes at once" in mended


def test_a_command_without_a_section_gets_what_its_help_says_and_a_gone_one_goes() -> None:
    text = PAGE.read_text()
    start = text.index("### firesteel retention\n")
    section = text[start : text.index("### ", start + 1)]
    changed = text.replace(section, "### firesteel was\n\nIt was.\n\n")

    mended = commands_page(PAGE.name, changed)

    assert "firesteel was" not in mended
    assert "| `--payloads` | Such as 7d;" in mended
    assert "firesteel retention --history 90d --payloads 7d" in mended
    assert [line[4:] for line in mended.splitlines() if line.startswith("### ")] == [
        name for name, (panel, _) in commands().items() if panel == "Operate a running node"
    ]
