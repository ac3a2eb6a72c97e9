"""Who calls through proxies: only what trusted ones wrote is believed, and what cannot be read is
nobody."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from firesteel.model.forwarded import HOPS_LIMIT, Client, Proxies, ProxyHeaders, address_of

PROXY = "10.0.0.9"
OUTER = "10.0.0.7"
NETWORKS = ["10.0.0.0/24", "2001:db8:aa::/64"]
NOBODY = Client(None, None, None)


def client(
    *lines: tuple[str, str], peer: str | None = PROXY, written: ProxyHeaders = "x-forwarded"
) -> Client:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in lines]
    return Proxies(NETWORKS, written).client(peer, headers)


def address(value: str, peer: str = PROXY) -> str:
    return str(client(("x-forwarded-for", value), peer=peer).address)


def forwarded(*values: str) -> Client:
    return client(*[("forwarded", value) for value in values], written="forwarded")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
        (f"6.6.6.6, 192.0.2.1, {OUTER}", "192.0.2.1"),
        (f"6.6.6.6 ,192.0.2.1,{OUTER} , 2001:db8:aa::1", "192.0.2.1"),
        ("192.0.2.1:50412", "192.0.2.1"),
        ("[2001:db8::1]:50412", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        (f"10.0.0.3, {OUTER}", "10.0.0.3"),  # a request of a proxy itself
        ("unknown", "None"),
        ("192.0.2.1, ", "None"),
        (f"192.0.2.1, what, {OUTER}", "None"),
        ("192.0.2.1, 300.1.1.1", "None"),
        ("192.0.2.1, [2001:db8::1]x", "None"),
    ],
)
def test_the_list_is_read_from_the_right_through_trusted_proxies(value: str, expected: str) -> None:
    assert address(value) == expected


def test_several_lines_are_one_list() -> None:
    lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", f"192.0.2.1, {OUTER}")]
    assert str(client(*lines).address) == "192.0.2.1"


def test_whoever_is_not_listed_is_not_believed() -> None:
    told = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-proto", "https")]
    assert client(*told, peer="192.0.2.8") == Client(ip_address("192.0.2.8"), None, None)
    assert Proxies().client(PROXY, [(b"x-forwarded-for", b"6.6.6.6")]).address == ip_address(PROXY)


def test_a_proxy_that_says_nothing_calls_by_itself() -> None:
    assert client() == Client(ip_address(PROXY), None, None)


def test_an_ipv4_proxy_is_known_on_a_socket_of_ipv6_too() -> None:
    assert address("192.0.2.1", peer=f"::ffff:{PROXY}") == "192.0.2.1"


def test_a_connection_that_has_gone_came_from_nobody() -> None:
    assert client(peer=None) == NOBODY


def test_a_list_of_more_proxies_than_anybody_has_is_not_believed() -> None:
    assert address(", ".join(["192.0.2.1", *[OUTER] * HOPS_LIMIT])) == "None"
    assert address(", ".join(["192.0.2.1", *[OUTER] * (HOPS_LIMIT - 1)])) == "192.0.2.1"


def test_scheme_and_host_are_what_the_nearest_proxy_says() -> None:
    told = client(
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "http, HTTPS"),
        ("x-forwarded-host", "evil.example, hooks.example.com"),
    )
    assert told == Client(ip_address("192.0.2.1"), "https", "hooks.example.com")
    assert client(("x-forwarded-proto", "gopher")).scheme is None


def test_only_the_headers_that_the_proxies_write_are_read() -> None:
    """A proxy passes the others on as whoever called has written them."""
    assert client(("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "192.0.2.1")).address == (
        ip_address("192.0.2.1")
    )
    lines = [("x-forwarded-for", "6.6.6.6"), ("forwarded", "for=192.0.2.1")]
    assert client(*lines, written="forwarded").address == ip_address("192.0.2.1")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["for=192.0.2.1;proto=https;host=a.example"], ("192.0.2.1", "https", "a.example")),
        (['For="[2001:db8::1]:47011" ; Proto=HTTPS'], ("2001:db8::1", "https", None)),
        (["for=[2001:db8::1]"], ("2001:db8::1", None, None)),
        (["for=6.6.6.6, for=192.0.2.1;proto=http"], ("192.0.2.1", "http", None)),
        (["for=6.6.6.6", "for=192.0.2.1"], ("192.0.2.1", None, None)),
        ([f"for=192.0.2.1;proto=https, for={OUTER};proto=http"], ("192.0.2.1", "https", None)),
        (['for=192.0.2.1;host="a\\.example"'], ("192.0.2.1", None, "a.example")),
        (["for=192.0.2.1;;by=_a;"], ("192.0.2.1", None, None)),
        (["for=_hidden"], ("None", None, None)),
        (["for=unknown;proto=https"], ("None", "https", None)),
        (["proto=https"], ("None", "https", None)),
        ([""], ("None", None, None)),
    ],
)
def test_forwarded_is_read_to_the_letter(
    values: list[str], expected: tuple[str, str | None, str | None]
) -> None:
    found = forwarded(*values)
    assert (str(found.address), found.scheme, found.host) == expected


@pytest.mark.parametrize(
    "value",
    [
        'for="6.6.6.6, for=192.0.2.1',
        'for="6.6.6.6, for="[2001:db8::1]"',
        "for=6.6.6.6;for=192.0.2.1",
        "for 192.0.2.1",
        "for=192.0.2.1 proto=https",
        "=192.0.2.1",
    ],
)
def test_a_forwarded_that_is_broken_says_nothing(value: str) -> None:
    assert forwarded(value) == NOBODY


@pytest.mark.parametrize(
    "value",
    [" " * 30_000 + '"', 'for="' + "\\x" * 15_000, "for=" + "x" * 30_000 + '"', "x" * 30_000],
)
def test_a_forwarded_of_30_kib_that_is_broken_is_read_once(value: str) -> None:
    """Tried in every way it would take a minute."""
    assert forwarded(value).address is None


def test_a_line_that_a_caller_broke_hides_nothing_that_a_proxy_adds_as_its_own_line() -> None:
    assert str(forwarded('for="6.6.6.6', "for=192.0.2.1").address) == "192.0.2.1"


@pytest.mark.parametrize("text", ["", "::1::2", "1.2.3", "localhost", "[::1", "[::1]80", "1:2:3"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert address_of(text) is None
