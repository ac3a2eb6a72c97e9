"""From the link that a node prints to a machine with a token, on a real node."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from firesteel.cli.app import run
from tests.support.node import WAIT_S, ProjectFolder, RunningNode, running_node, wait_until

PASSWORD = "correct horse battery"
PAGE = {"accept": "text/html"}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    project = ProjectFolder(tmp_path_factory.mktemp("project"))
    project.integration({"name": "Recorded"})
    with running_node(tmp_path_factory.mktemp("data"), project.path) as running:
        yield running


def printed_link(node: RunningNode) -> str:
    """The one-time link among what the node printed."""

    def found() -> str | None:
        while not node.lines.empty():
            node.output.append(node.lines.get())
        match = re.search(r"https?://\S+/welcome\?link=\S+", "".join(node.output))
        return match[0] if match else None

    link: str = wait_until(found)
    return link


def csrf(page: httpx2.Response) -> str:
    match = re.search(r'name="csrf" (?:content|value)="([0-9a-f]{64})"', page.text)
    assert match, page.text
    return match[1]


@pytest.fixture(scope="module")
def browser(node: RunningNode) -> Iterator[httpx2.Client]:
    """The first administrator, who came by the printed link."""
    with httpx2.Client(base_url=node.address["admin_url"], headers=PAGE, timeout=WAIT_S) as client:
        link = printed_link(node)
        assert client.get(link).status_code == 200
        form = {"link": link.partition("link=")[2], "name": "Anna", "password": PASSWORD}
        done = client.post("/welcome", data={**form, "again": PASSWORD})
        assert (done.status_code, done.headers["location"]) == (303, "/"), done.text
        cookie = done.headers["set-cookie"]
        for part in ("HttpOnly", "Path=/", "SameSite=lax", "Max-Age=604800"):
            assert part in cookie
        assert "Secure" not in cookie, "browsers keep no such cookie on plain HTTP"
        yield client


def test_the_printed_link_makes_an_administrator_and_works_once(
    node: RunningNode, browser: httpx2.Client
) -> None:
    me = browser.get("/api/v1/me").json()
    assert (me["name"], me["role"]) == ("user:anna", "admin")
    assert set(me["rights"]) == {"view", "payloads", "reveal", "operate", "edit", "administer"}
    with httpx2.Client(headers=PAGE, timeout=WAIT_S) as stranger:
        again = stranger.get(printed_link(node))
        assert again.status_code == 409
        assert "opens nothing" in again.text


def test_sign_in_leads_back_and_sign_out_ends_the_session(
    node: RunningNode, browser: httpx2.Client
) -> None:
    with httpx2.Client(base_url=node.address["admin_url"], headers=PAGE, timeout=WAIT_S) as client:
        sent = client.get("/w/test/integrations")
        assert sent.headers["location"] == "/sign-in?next=%2Fw%2Ftest%2Fintegrations"
        form = {"name": "anna", "password": PASSWORD, "next": "/w/test/integrations"}
        done = client.post("/sign-in", data=form)
        assert (done.status_code, done.headers["location"]) == (303, "/w/test/integrations")
        assert client.get("/sign-in").status_code == 303
        page = client.get("/account")
        assert page.status_code == 200
        assert client.post("/sign-out", data={"csrf": "0" * 64}).status_code == 403
        kept = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        assert client.get("/api/v1/me").status_code == 200
        out = client.post("/sign-out", data={"csrf": csrf(page)})
        assert out.headers["location"] == "/sign-in"
        assert not client.cookies
        assert client.get("/api/v1/me", headers={"cookie": kept}).status_code == 401


@pytest.mark.parametrize(
    "to", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", ""]
)
def test_sign_in_leads_nowhere_else(node: RunningNode, browser: httpx2.Client, to: str) -> None:
    with httpx2.Client(base_url=node.address["admin_url"], headers=PAGE, timeout=WAIT_S) as client:
        form = {"name": "anna", "password": PASSWORD, "next": to}
        assert client.post("/sign-in", data=form).headers["location"] == "/"


def test_a_sign_in_that_another_site_sends_is_refused(
    node: RunningNode, browser: httpx2.Client
) -> None:
    with httpx2.Client(base_url=node.address["admin_url"], headers=PAGE, timeout=WAIT_S) as client:
        form = {"name": "anna", "password": PASSWORD}
        sent = client.post("/sign-in", data=form, headers={"origin": node.public_url})
        assert sent.status_code == 403
        assert "set-cookie" not in sent.headers


def test_attempts_are_limited_and_tell_nothing_of_who_there_is(
    node: RunningNode, browser: httpx2.Client
) -> None:
    with httpx2.Client(base_url=node.address["admin_url"], headers=PAGE, timeout=WAIT_S) as client:

        def attempt(name: str) -> httpx2.Response:
            return client.post("/sign-in", data={"name": name, "password": "a wrong password"})

        browser.post(
            "/users", data={"name": "bert", "role": "viewer", "csrf": csrf(browser.get("/users"))}
        )
        answers = {name: [attempt(name) for _ in range(11)] for name in ("bert", "nobody")}
        for name, found in answers.items():
            assert [answer.status_code for answer in found] == [401] * 10 + [429], name
            assert 0 < int(found[-1].headers["retry-after"]) <= 900
        first = {name: found[0].text.replace(name, "") for name, found in answers.items()}
        assert first["bert"] == first["nobody"]


def test_the_gateway_drops_the_consoles_cookie_and_stores_it_nowhere(
    node: RunningNode, browser: httpx2.Client
) -> None:
    (secret,) = dict(browser.cookies).values()
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    answer = node.call("Recorded", headers={"cookie": f"{cookie}; other=1"}, content=b"{}")
    assert answer.status_code == 202
    message = node.admin("GET", f"/workspaces/test/messages/{answer.json()['id']}")
    assert all(name.lower() != "cookie" for name, _ in message["request"]["headers"])
    stored = [file.read_bytes() for file in node.data_dir.iterdir() if file.is_file()]
    assert any(answer.json()["id"].encode() in content for content in stored)
    assert not any(secret.encode() in content for content in stored)


def cli(*words: str) -> int:
    return run(list(words))


def test_firesteel_works_from_elsewhere_with_a_token_and_its_scopes(
    node: RunningNode,
    browser: httpx2.Client,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name in [name for name in os.environ if name.startswith("FIRESTEEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    here = ("--data-dir", str(node.data_dir))
    assert cli("token", "add", "deployment", "--scope", "view", *here) == 0
    secret = capsys.readouterr().out.strip()
    assert secret.startswith("fst_")
    assert cli("user", "add", "carl", "--role", "editor", "--payloads", *here) == 0
    link = capsys.readouterr().out.strip()
    assert link.startswith(node.address["admin_url"] + "/welcome?link=")
    assert httpx2.get(link, headers=PAGE, timeout=WAIT_S).status_code == 200
    assert cli("user", "link", *here) == 5, "there is an administrator already"
    assert cli("user", "link", "carl", *here) == 0
    assert httpx2.get(link, headers=PAGE, timeout=WAIT_S).status_code == 409, (
        "the newer link has replaced it"
    )

    monkeypatch.setenv("FIRESTEEL_URL", node.address["admin_url"])
    monkeypatch.setenv("FIRESTEEL_TOKEN", secret)
    assert cli("status") == 0
    assert cli("key", "list", "Recorded") == 0
    assert cli("user", "list") == 5, "its scopes do not say administer"
    assert cli("key", "reveal", "Recorded", "tester") == 5
    capsys.readouterr()

    assert cli("token", "list") == 5
    monkeypatch.delenv("FIRESTEEL_URL")
    assert cli("user", "change", "carl", "--disabled", *here) == 0
    assert cli("user", "list", *here) == 0
    assert "disabled" in capsys.readouterr().out
    assert cli("user", "delete", "carl", *here) == 0
    assert cli("token", "list", *here) == 0
    assert "deployment" in capsys.readouterr().out
    assert cli("token", "delete", "deployment", *here) == 0
    monkeypatch.setenv("FIRESTEEL_URL", node.address["admin_url"])
    assert cli("status") == 5, "the token is gone"


def test_the_pages_of_people_show_what_is_and_the_audit_is_filtered(
    browser: httpx2.Client,
) -> None:
    for path in ("/account", "/users", "/users/anna", "/tokens", "/audit"):
        assert browser.get(path).status_code == 200, path
    token = {"csrf": csrf(browser.get("/tokens")), "name": "nightly", "scopes": "view"}
    added = browser.post("/tokens", data=token)
    assert "fst_" in added.text
    entries: dict[str, Any] = {"actor": "user:anna", "action": "token"}
    found = browser.get("/audit", params=entries).text
    assert "nightly" in found
    assert "user.first" not in found
    assert "Nothing fits" in browser.get("/audit", params={"actor": "user:nobody"}).text
