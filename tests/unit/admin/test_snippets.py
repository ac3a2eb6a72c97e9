"""Snippets call what they say, whatever the values: curl and Python are run, PowerShell is read."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firesteel.admin.callers.call import Call, make_call
from firesteel.admin.callers.snippets import API_KEY, Credential, credential_of, snippets
from firesteel.errors import CallerError
from firesteel.model.signature_schemes import PRESETS
from tests.support.http_server import HttpServer, Received, Reply

KEY = "fsk_$HOME`id`\"'%&"
NASTY = [
    "",
    "plain",
    "it's",
    'say "hi"',
    "$HOME `id` $(id) ${x}",
    "a\\b\\",
    "two\nlines\n",
    "\r\n",
    "@/etc/passwd",
    "-d x",
    "åäö € 🎈 \u2018curly\u2019 \u201a\u201b \u201cdouble\u201d",
    "%41 %zz + & = ? #",
    "{a,b}[1-3]",
    "!history ^x^y",
    "{% expr %} {{ x }}",
    "\t tab",
    "<a&b/>",
]
TEXTS = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)).map(str.strip)
CALLS = st.builds(
    lambda method, query, headers, body: make_call(
        method, "/test/Any", query=query, headers=headers, body=body
    ),
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    st.lists(st.tuples(TEXTS, TEXTS), max_size=3),
    st.lists(st.tuples(st.sampled_from(["X-One", "x-two", "Content-Type"]), VALUES), max_size=4),
    st.one_of(st.none(), TEXTS.map(str.encode), st.binary(max_size=40)),
)


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    with HttpServer.started() as running:
        running.reply("/test/Any", Reply.json({"done": True}))
        yield running


def run_curl(text: str) -> None:
    # -q and no proxy: what the machine sets up for curl is not the snippet's.
    command = text.replace("curl", "curl -q --noproxy '*' --silent --show-error", 1)
    environment = {"PATH": os.environ["PATH"], "API_KEY": KEY}
    subprocess.run(["/bin/sh", "-c", command], env=environment, check=True, capture_output=True)


def run_python(text: str) -> str:
    printed = io.StringIO()
    os.environ["API_KEY"] = KEY
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(text, "snippet", "exec"), {})
    finally:
        del os.environ["API_KEY"]
    return printed.getvalue()


def expect(received: Received, call: Call) -> None:
    path, _, query = call.path.partition("?")
    assert (received.method, received.path) == (call.method, path)
    assert received.query == query
    assert received.body == (call.body or b"")
    assert received.header("x-api-key") == KEY
    for name, value in call.headers.items():
        assert received.header(name) == value, name


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@given(call=CALLS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_curl_snippet_sends_the_call_as_it_is(server: HttpServer, call: Call) -> None:
    server.received.clear()
    run_curl(snippets(call, server.url, API_KEY).curl)
    expect(server.received[0], call)


@given(call=CALLS)
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_python_snippet_sends_the_call_as_it_is(server: HttpServer, call: Call) -> None:
    server.received.clear()
    printed = run_python(snippets(call, server.url, API_KEY).python)
    expect(server.received[0], call)
    assert printed == '200\n{"done": true}\n'


def test_the_python_snippet_shows_a_problem_too(server: HttpServer) -> None:
    server.reply("/test/Gone", Reply.json({"status": 404}, status=404))
    text = snippets(make_call("GET", "/test/Gone"), server.url, None).python
    assert run_python(text) == '404\n{"status": 404}\n'
    assert "API_KEY" not in text


def powershell_strings(text: str) -> list[str]:
    """The single-quoted strings of a script, by about_Quoting_Rules: a doubled quote of whichever
    kind is one; nothing else is special."""
    found = re.findall(r"'((?:[^'‘’‚‛]|''|‘‘|’’|‚‚|‛‛)*)'", text)  # noqa: RUF001
    return [re.sub(r"(['‘’‚‛])\1", r"\1", item) for item in found]  # noqa: RUF001


@given(call=CALLS)
@settings(max_examples=200, deadline=None)
def test_the_powershell_snippet_quotes_every_value(call: Call) -> None:
    text = snippets(call, "https://node.example", API_KEY).powershell
    strings = powershell_strings(text)
    assert f"https://node.example{call.path}" in strings
    assert call.method in strings
    assert all(value in strings for name, value in call.headers.items() if value)
    # Outside of its strings there is nothing but our own words.
    rest = re.sub(r"'(?:[^'‘’‚‛]|''|‘‘|’’|‚‚|‛‛)*'", "''", text)  # noqa: RUF001
    assert re.fullmatch(r"[-\w\s$@{}=:.\[\]()']*", rest), rest
    if call.body is not None and b"\0" not in call.body and "FromBase64String" not in text:
        assert call.body.decode() in strings


def test_no_snippet_holds_a_key() -> None:
    made = snippets(make_call("GET", "/test/Any"), "http://x", API_KEY)
    assert '"x-api-key: $API_KEY"' in made.curl
    assert 'os.environ["API_KEY"]' in made.python
    assert "$env:API_KEY" in made.powershell


@pytest.mark.parametrize(
    ("name", "value"),
    [("host", "x"), ("Content-Length", "3"), ("a b", "x"), ("", "x"), ("x", "å"), ("x", "a\nb: c")],
)
def test_a_header_that_cannot_be_sent_is_refused(name: str, value: str) -> None:
    with pytest.raises(CallerError) as refused:
        make_call("GET", "/test/Any", headers=[(name, value)])
    assert refused.value.code == "invalid_request"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"a": 1}', "application/json"),
        (b" [1]", "application/json"),
        (b"<a/>", "application/xml"),
        (b"text", "text/plain; charset=utf-8"),
        (b"\xff\x00", "application/octet-stream"),
    ],
)
def test_a_body_without_a_content_type_gets_the_likely_one(body: bytes, content_type: str) -> None:
    assert make_call("POST", "/test/Any", body=body).headers == {"content-type": content_type}


def test_a_query_parameter_that_is_no_text_is_refused() -> None:
    with pytest.raises(CallerError):
        make_call("GET", "/test/Any", query=[("a", "\ud800")])


def test_the_query_is_what_was_given() -> None:
    query = [(text, text) for text in NASTY if text]
    call = make_call("GET", "/test/Any", query=query)
    assert parse_qsl(call.path.partition("?")[2], keep_blank_values=True) == query


# other credentials


@pytest.mark.parametrize("username", ["erp", 'it\'s "me"', "$HOME `id`", "åäö"])
def test_a_password_of_the_environment_is_sent_as_http_basic(
    server: HttpServer, username: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.received.clear()
    made = snippets(make_call("GET", "/test/Any"), server.url, Credential("basic", username))
    command = made.curl.replace("curl", "curl -q --noproxy '*' --silent", 1)
    environment = {"PATH": os.environ["PATH"], "PASSWORD": "p:w d"}
    subprocess.run(["/bin/sh", "-c", command], env=environment, check=True, capture_output=True)
    monkeypatch.setenv("PASSWORD", "p:w d")
    run_python(made.python)
    wanted = "Basic " + base64.b64encode(f"{username}:p:w d".encode()).decode()
    assert [call.header("authorization") for call in server.received] == [wanted, wanted]
    assert f"{username}:" in powershell_strings(made.powershell)
    assert "p:w d" not in made.curl + made.python + made.powershell


def test_a_token_of_the_environment_is_sent_as_a_bearer_token(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.received.clear()
    made = snippets(make_call("GET", "/test/Any"), server.url, Credential("jwt"))
    monkeypatch.setenv("TOKEN", "a.b.c")
    run_python(made.python)
    assert server.received[0].header("authorization") == "Bearer a.b.c"
    assert '--header "Authorization: Bearer $TOKEN"' in made.curl
    assert "$env:TOKEN" in made.powershell


def test_a_command_sends_what_the_trigger_takes() -> None:
    basic = {"basic": {"label": "b", "username": "erp", "password": "${P}"}}
    token = {"jwt": {"label": "j", "secret": "${S}"}}
    signed = {"signature": {"label": "g", "preset": "github", "secrets": ["${S}"]}}
    key = {"api_key": {"label": "k"}}
    for ways, wanted in (
        ([], None),
        ([signed], Credential("signature", scheme=PRESETS["github"])),
        ([signed, token, basic, key], API_KEY),
        ([signed, token, basic], Credential("basic", "erp")),
        ([signed, token], Credential("jwt")),
    ):
        assert credential_of({"trigger": {"authentication": ways}}) == wanted
