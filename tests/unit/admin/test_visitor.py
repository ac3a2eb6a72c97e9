"""What a request tells of who sends it."""

from __future__ import annotations

import pytest

from firesteel.admin.visitor import Visitor


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        (b"https://node.example.com", True),
        (b"https://node.example.com:8081", False),
        (b"https://[", False),
        (b"https://]", False),
        (b"node.example.com", False),
        (b"null", False),
        (b"", False),
    ],
)
def test_a_change_comes_from_our_own_page_where_its_origin_is_the_host_that_was_called(
    origin: bytes, own: bool
) -> None:
    headers = [(b"host", b"node.example.com"), (b"origin", origin)]
    scope = {"headers": headers, "method": "POST", "scheme": "https", "client": None}
    assert Visitor(scope).of_own_page is own
