"""The documentation says what the code does: tables, examples, commands and links."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from firesteel.cli.exit_codes import Exit
from firesteel.model import authentication, connection, integration, steps, trigger
from firesteel.model.alerts import check_alerts
from firesteel.model.connection import check_connections
from firesteel.model.document import check_integration
from firesteel.settings import load_settings
from firesteel.worker.expressions import check_expression, compile_expression
from firesteel.worker.expressions.evaluator import BUILTINS
from scripts.check_links import main as check_links
from scripts.reference import pages as generated
from scripts.reference_commands import commands
from tests.support.markdown import DOCS, ROOT, Block, Row, blocks, pages, rows, section

REFERENCE = DOCS / "reference"
SOURCES = ROOT / "src" / "firesteel"
# Keys that start a part of an integration, which a test completes to a whole one.
PARTS = ("trigger", "data_processing", "workflow", "response", "search", "redact", "retention")


def every(*languages: str) -> list[Block]:
    return [block for path in pages() for block in blocks(path, *languages)]


def under(page: str, *headings: str) -> list[Row]:
    return [row for row in rows(REFERENCE / page) if not headings or row.heading in headings]


# --- links and tables ---


def test_what_the_reference_lists_is_as_the_code_is() -> None:
    old = [str(path.relative_to(ROOT)) for path, text in generated() if _on_disk(path) != text]
    assert old == [], "run `make reference`"


def _on_disk(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def test_every_link_leads_to_a_page_or_heading() -> None:
    assert check_links(ROOT) == 0


def test_every_page_is_in_an_index() -> None:
    text = (DOCS / "README.md").read_text() + (DOCS / "decisions" / "README.md").read_text()
    missing = [path.name for path in DOCS.rglob("*.md") if f"{path.name})" not in text]
    assert [name for name in missing if name != "README.md"] == []


def test_every_failure_of_an_attempt_stands_in_the_reference() -> None:
    written = {row.names[0] for row in under("errors.md", "Failures of attempts")}
    assert written == failure_codes()


def failure_codes() -> set[str]:
    """Codes of failures, as they stand in the sources of those who make failures."""
    patterns = (
        r'Failure\(\s*(?:"\w+"|kind), "(\w+)"',
        r'\bcode: str = "(\w+)"',
        r'^ +code = "(\w+)"',
        r'\bcode="(\w+)"',
        r'^    "(\w+)": "the (?:attempt|lease)',
        r'else "unknown", "(\w+)"',
    )
    files = [*(SOURCES / "worker").rglob("*.py"), SOURCES / "model" / "step_result.py"]
    files += [SOURCES / "engine" / "dispatch.py", SOURCES / "engine" / "pool.py"]
    files += [SOURCES / "store" / "sqlite" / "sessions.py"]
    text = "\n".join(path.read_text() for path in files)
    found = {code for pattern in patterns for code in re.findall(pattern, text, re.MULTILINE)}
    return found | {"permanent_error", "retry_later"}


def test_other_codes_of_the_reference_stand_in_the_code() -> None:
    text = "\n".join(path.read_text() for path in SOURCES.rglob("*.py"))
    headings = ("A node that cannot start", "Errors of the command line")
    written = [row.names[0] for row in under("errors.md", *headings)]
    assert [code for code in written if f'"{code}"' not in text] == []


KEYS = {
    "integration-file.md": {
        "Top level": integration.Integration,
        "trigger": trigger.Trigger,
        "authentication": authentication.Authentication,
        "api_key": authentication.ApiKeyAuth,
        "signature": authentication.SignatureAuth,
        "consumer": authentication.ConsumerAuth,
        "basic": authentication.BasicAuth,
        "jwt": authentication.JwtAuth,
        "client_certificate": authentication.ClientCertificateAuth,
        "ordered_delivery": trigger.OrderedDelivery,
        "request_response": trigger.RequestResponse,
        "query_parameters": trigger.QueryParameter,
        "rate_limit": trigger.RateLimit,
        "idempotency": trigger.Idempotency,
        "workflow": integration.Workflow,
        "retry": steps.Retry,
        "response": integration.ResponseTemplate,
        "retention": integration.Retention,
    },
    "steps.md": {
        "Keys of every step": steps.Step,
        "sql": steps.SqlStep,
        "http": steps.HttpStep,
        "choose": steps.Branch,
        "for_each": steps.ForEachStep,
        "call": steps.CallStep,
        "fail": steps.FailStep,
    },
    "connections-file.md": {
        "A database: sql": connection.SqlConnection,
        "An HTTP system: http": connection.HttpConnection,
    },
}


@pytest.mark.parametrize(
    ("page", "heading"), [(page, heading) for page in KEYS for heading in KEYS[page]]
)
def test_every_key_of_a_document_stands_in_the_reference(page: str, heading: str) -> None:
    written = [row.names[0] for row in under(page, heading) if row.title == "Key"]
    assert sorted(written) == sorted(KEYS[page][heading].keys())


def test_every_function_of_expressions_stands_in_the_reference() -> None:
    text = section(REFERENCE / "expressions.md", "Functions").partition("They are those")[0]
    assert sorted(re.findall(r"\$(\w+)", text)) == sorted(BUILTINS)


# --- the command line ---


def test_exit_codes_stand_in_the_reference() -> None:
    written = {row.cells[1]: int(row.cells[0]) for row in under("command-line.md", "Exit codes")}
    assert written == {code.name: code.value for code in Exit}


def command_lines() -> Iterator[tuple[Block, str]]:
    for block in every("sh", "console"):
        for line in block.text.replace("\\\n", " ").splitlines():
            if block.language == "console":
                if not line.startswith("$ "):
                    continue
                line = line[2:]
            yield block, line


def programs(line: str) -> Iterator[list[str]]:
    """The words of each program that a line of shell starts, without variables before it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not set(word) <= set("();<>|&"):
            words.append(word)
        elif words:
            while words and re.match(r"[A-Z_]+=", words[0]):
                words.pop(0)
            if words:
                yield words
            words = []


def test_every_command_and_option_that_an_example_uses_exists() -> None:
    known = {name: command for name, (_, command) in commands().items()}
    wrong = []
    for block, line in command_lines():
        for words in programs(line):
            if words[0] != "firesteel" or words[1:] == ["--help"]:
                continue
            name = next((" ".join(words[:n]) for n in (3, 2) if " ".join(words[:n]) in known), None)
            if name is None:
                wrong.append(f"{block}: {line}")
                continue
            options = {
                option
                for parameter in known[name].params
                for option in (*parameter.opts, *parameter.secondary_opts)
            }
            used = {word for word in words if re.fullmatch(r"-[a-zA-Z]|--[a-z-]+", word)}
            wrong += [f"{block}: {option}" for option in sorted(used - options - {"--help"})]
    assert wrong == []


def test_every_make_target_that_an_example_uses_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {
        word
        for _, line in command_lines()
        if line.startswith("make ")
        for word in line.split("#")[0].split()[1:]
    }
    assert used
    assert used <= targets


# --- examples ---


@pytest.mark.parametrize("block", every("yaml"), ids=str)
def test_every_yaml_example_has_no_fault(block: Block) -> None:
    document = yaml.safe_load(block.text)
    if isinstance(document, dict) and "channels" in document:
        result: Any = check_alerts(block.text, str(block))
    elif isinstance(document, dict) and not set(document) & {"name", *PARTS}:
        result = check_connections(block.text, str(block))
    else:
        checked = check_integration(
            _whole(block.text, document), str(block), expression_check=check_expression
        )
        result = checked
    assert [str(fault) for fault in result.faults] == []


def _whole(text: str, document: Any) -> str:
    """An integration around a part of one, or around steps."""
    if isinstance(document, list):
        indented = "".join(f"    {line}\n" for line in text.splitlines())
        return f"name: Example\nworkflow:\n  steps:\n{indented}"
    return text if "name" in document else f"name: Example\n{text}"


@pytest.mark.parametrize("block", every("python"), ids=str)
def test_every_python_example_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", every("json"), ids=str)
def test_every_json_example_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", every("toml"), ids=str)
def test_every_settings_example_is_taken(block: Block, tmp_path: Path) -> None:
    assert tomllib.loads(block.text)
    (tmp_path / "firesteel.toml").write_text(block.text)
    load_settings({}, {}, tmp_path)


def test_every_example_of_an_expression_has_the_value_that_is_written() -> None:
    page = REFERENCE / "expressions.md"
    given = re.search(r"`input` `(\{.*?\})`", page.read_text(), re.DOTALL)
    assert given is not None
    context = {"input": json.loads(given[1].replace("\n", " "))}
    examples = under("expressions.md", "Examples")
    assert examples
    for row in examples:
        value = compile_expression(row.names[0]).evaluate(context)
        assert value == json.loads(row.cells[1].strip("`")), row.names[0]


# --- the log ---

LOG_LEVELS = {"exception": "error"} | {
    name: name for name in ("debug", "info", "warning", "error", "critical")
}


def logged_events() -> Iterator[tuple[str, str]]:
    """Event and level of each line that the product writes."""
    for path in (ROOT / "src/firesteel").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name("log"), attr=level), args=[event, *_]
                ) if level in LOG_LEVELS:
                    names = [
                        part.value
                        for part in ast.walk(event)
                        if isinstance(part, ast.Constant) and isinstance(part.value, str)
                    ]
                    assert names, f"{path}: an event without a fixed name"
                    yield from ((name, LOG_LEVELS[level]) for name in names)


def described_events() -> Iterator[tuple[str, str]]:
    """The same of the page."""
    for events, level in re.findall(
        r"^\| (`[a-z_`, ]+) \| (\w+) \|", (REFERENCE / "logs.md").read_text(), re.MULTILINE
    ):
        yield from ((event, level) for event in re.findall(r"`(\w+)`", events))


def test_every_event_is_described_with_its_level_and_no_other_is() -> None:
    assert sorted({*described_events()}) == sorted({*logged_events()})
