"""The trigger page's ways to authenticate beside API keys, from a choice to a call from outside."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.test_trigger import (
    add_authentication,
    add_key,
    document,
    draft,
    open_page,
    press,
)
from tests.support.node import RunningNode

INTEGRATIONS = "/workspaces/test/integrations"
SECRET = "It's a Secret to Everybody"
ENVIRONMENT = {"GITHUB_SECRET": SECRET, "ERP_CALLS": "password of the ERP"}
BODY = b'{"zen": "Keep it logically awesome."}'


@pytest.fixture
def name(node: RunningNode, request: pytest.FixtureRequest) -> str:
    """An integration of this test's own, as the console makes it."""
    made = re.sub(r"[^A-Za-z0-9]", "", request.node.name.removeprefix("test_").title())[:60]
    node.admin("POST", INTEGRATIONS, json={"name": made})
    return made


def add(page: Page, kind: str) -> None:
    page.locator("summary", has_text="Add authentication").click()
    press(page, kind)


def way(page: Page, number: int) -> Any:
    return page.locator(f"#way-{number}")


def unfold(page: Page, number: int) -> None:
    way(page, number).locator("summary").click()


def signed() -> dict[str, str]:
    mac = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={mac}"}


def test_a_signature_is_added_and_lets_a_signed_call_in(
    page: Page, node: RunningNode, name: str
) -> None:
    open_page(page, name)
    add(page, "Signature")
    expect(page.get_by_text("The trigger is open.")).to_have_count(0)
    first = way(page, 0)
    first.get_by_label("Label").fill("GitHub")
    first.get_by_label("Signs like").select_option("github")
    first.get_by_label("Secrets").fill("${GITHUB_SECRET}")
    press(page, "Save")
    expect(page.get_by_text("Version 2 is in force")).to_be_visible()
    assert document(node, name)["trigger"]["authentication"] == [
        {
            "signature": {
                "label": "GitHub",
                "preset": "github",
                "secrets": ["${GITHUB_SECRET}"],
            }
        }
    ]
    url = f"{node.public_url}/test/{name}"
    assert httpx2.post(url, content=BODY, headers=signed()).status_code == 202
    assert httpx2.post(url, content=BODY).status_code == 401


def test_a_secret_that_may_be_guessed_is_warned_of_where_it_stands(
    page: Page, node: RunningNode, name: str
) -> None:
    node.admin("PUT", "/workspaces/test/secrets/GUESSED", json={"value": "open sesame"})
    open_page(page, name)
    add(page, "Signature")
    way(page, 0).get_by_label("Label").fill("GitHub")
    way(page, 0).get_by_label("Signs like").select_option("github")
    way(page, 0).get_by_label("Secrets").fill("${GUESSED}")
    press(page, "Save")
    expect(page.get_by_text("Version 2 is in force")).to_be_visible()
    warning = way(page, 0).get_by_text("${GUESSED} has fewer than 16 bytes and may be guessed.")
    expect(warning).to_be_visible()
    assert violations(page) == []


def test_a_signature_of_ones_own_shows_its_fields_only_then(page: Page, name: str) -> None:
    open_page(page, name)
    add(page, "Signature")
    header = way(page, 0).get_by_label("Header of the signature")
    expect(header).to_be_hidden()
    way(page, 0).get_by_label("Signs like").select_option("own")
    expect(header).to_be_visible()


def test_every_kind_is_offered_and_kept_as_it_was_typed(
    page: Page, node: RunningNode, name: str
) -> None:
    open_page(page, name)
    add(page, "User and password")
    way(page, 0).get_by_label("Label").fill("ERP")
    way(page, 0).get_by_label("User name", exact=True).fill("erp")
    way(page, 0).get_by_label("Password", exact=True).fill("${ERP_CALLS}")
    add(page, "JSON Web Token")
    way(page, 1).get_by_label("Label").fill("company")
    way(page, 1).get_by_label("Issuer", exact=True).fill("https://idp.example.com")
    way(page, 1).get_by_label("Audience").fill("hooks")
    way(page, 1).get_by_label("Address of the issuer's keys").fill("https://idp.example.com/keys")
    way(page, 1).get_by_label("Algorithms").fill("RS256\nES256")
    add(page, "Client certificate")
    way(page, 2).get_by_label("Label").fill("partner")
    way(page, 2).get_by_label("Alternative name").fill("partner.example.com")
    page.get_by_role("heading", name="Advanced", exact=True).click()
    page.get_by_label("Calls may come from").fill("127.0.0.0/8\n10.0.0.0/8")
    page.get_by_label("Microsoft Graph").check()
    press(page, "Save")
    expect(page.get_by_text("Version 2 is in force")).to_be_visible()
    trigger = document(node, name)["trigger"]
    assert trigger["authentication"] == [
        {"basic": {"label": "ERP", "username": "erp", "password": "${ERP_CALLS}"}},
        {
            "jwt": {
                "label": "company",
                "issuer": "https://idp.example.com",
                "audience": "hooks",
                "jwks_url": "https://idp.example.com/keys",
                "algorithms": ["RS256", "ES256"],
            }
        },
        {"client_certificate": {"label": "partner", "san": "partner.example.com"}},
    ]
    assert trigger["allowed_addresses"] == ["127.0.0.0/8", "10.0.0.0/8"]
    assert trigger["handshakes"] == ["microsoft_graph"]
    url = f"{node.public_url}/test/{name}"
    right = httpx2.post(url, content=BODY, auth=("erp", ENVIRONMENT["ERP_CALLS"]))
    assert right.status_code == 202


def test_a_secret_that_is_typed_in_clear_is_refused_and_kept_nowhere(
    page: Page, node: RunningNode, name: str
) -> None:
    open_page(page, name)
    add(page, "User and password")
    way(page, 0).get_by_label("Label").fill("ERP")
    way(page, 0).get_by_label("User name", exact=True).fill("erp")
    way(page, 0).get_by_label("Password", exact=True).fill("a password in clear")
    press(page, "Save")
    expect(page.get_by_text("not published")).to_be_visible()
    expect(way(page, 0)).to_contain_text("password is missing")
    assert "a password in clear" not in str(draft(node, name))
    assert "a password in clear" not in page.content()


def test_keys_stand_beside_other_ways_and_either_is_removed_alone(
    page: Page, node: RunningNode, name: str
) -> None:
    open_page(page, name)
    add(page, "User and password")
    way(page, 0).get_by_label("Label").fill("ERP")
    way(page, 0).get_by_label("User name", exact=True).fill("erp")
    way(page, 0).get_by_label("Password", exact=True).fill("${ERP_CALLS}")
    press(page, "Save as draft")
    add_authentication(page)
    add_key(page, "web shop")
    press(page, "Save")
    expect(page.get_by_text("is in force")).to_be_visible()
    kinds = [next(iter(item)) for item in document(node, name)["trigger"]["authentication"]]
    assert sorted(kinds) == ["api_key", "basic"]
    press(page, "Remove ApiKeys")
    page.get_by_role("alertdialog").get_by_role("button", name="Remove ApiKeys").click()
    expect(way(page, 0).get_by_label("User name", exact=True)).to_have_value("erp")
    press(page, "Save")
    expect(page.get_by_text("is in force")).to_be_visible()
    kinds = [next(iter(item)) for item in document(node, name)["trigger"]["authentication"]]
    assert kinds == ["basic"]
    unfold(page, 0)
    press(page, "Remove User and password ERP")
    page.get_by_role("alertdialog").get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("The trigger is open.")).to_be_visible()


def test_ways_that_are_complete_are_one_line_each_until_somebody_looks(
    page: Page, node: RunningNode, name: str
) -> None:
    github = {"label": "GitHub", "preset": "github", "secrets": ["${GITHUB_SECRET}"]}
    ways: list[Any] = [{"signature": {**github, "label": f"G{number}"}} for number in range(9)]
    ways.append({"basic": {"label": "ERP", "username": "erp", "password": "${ERP_CALLS}"}})
    path = f"{INTEGRATIONS}/{name}"
    node.admin("PUT", path, json={"trigger": {"authentication": ways}})
    open_page(page, name)
    expect(way(page, 8)).to_contain_text("Signature G8, GitHub")
    expect(way(page, 9)).to_contain_text("User and password ERP, erp")
    height = page.locator("#authentication").bounding_box()
    assert height is not None
    assert height["height"] < 10 * 70 + 60
    expect(way(page, 9).get_by_label("User name", exact=True)).to_be_hidden()
    unfold(page, 9)
    way(page, 9).get_by_label("User name", exact=True).fill("sap")
    add(page, "JSON Web Token")
    expect(way(page, 10).get_by_label("Label")).to_be_visible()
    expect(way(page, 9)).to_contain_text("ERP, sap")
    press(page, "Save as draft")
    expect(way(page, 10)).to_contain_text("label is missing")
    kept = draft(node, name)["document"]["trigger"]["authentication"]
    assert [kept[0], kept[9]["basic"]["username"]] == [ways[0], "sap"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_ways_have_nothing_that_shuts_people_out_and_fit_on_a_phone(
    page: Page, node: RunningNode, name: str, scheme: Any
) -> None:
    ways = [
        {"signature": {"label": "Partner", "header": "x-signature", "secrets": ["${NOT_SET}"]}},
        {"basic": {"label": "ERP", "username": "erp"}},
        {"jwt": {"label": "company", "issuer": "https://idp.example.com"}},
        {"client_certificate": {"label": "partner"}},
        {"api_key": {}},
    ]
    node.admin("POST", f"{INTEGRATIONS}/{name}/keys", json={"label": "shop", "close": False})
    trigger = {"authentication": ways, "handshakes": [{"meta": {}}]}
    node.admin("PUT", f"{INTEGRATIONS}/{name}/draft", json={"trigger": trigger})
    page.emulate_media(color_scheme=scheme)
    open_page(page, name)
    expect(way(page, 1)).to_contain_text("password is missing")
    expect(way(page, 3)).to_contain_text("fingerprint, subject or san")
    assert violations(page) == []
    picture(page, f"{scheme}-wide")
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, name)
    picture(page, f"{scheme}-phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def picture(page: Page, name: str) -> None:
    """Kept where PICTURES says so, for whoever looks at them."""
    folder = os.environ.get("PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
