"""API keys in every wrong form, where they are read, and where they are not.

Every refusal is the same 401; that nothing in it tells them apart is asserted in
``test_corpus.py``.
"""

from __future__ import annotations

from tests.corpus.case import CANARY, Case, Headers, refused, taken
from tests.corpus.place import EMOJI_KEY, EMOJI_LABEL, GUESSES, LONG_KEY, ODD_KEY
from tests.support.node import KEY

AUTHORIZED: dict[str, Headers] = {
    "Bearer": (("Authorization", f"Bearer {KEY}"),),
    "bearer": (("Authorization", f"bearer {KEY}"),),
    "BEARER": (("Authorization", f"BEARER {KEY}"),),
    "Bearer and two spaces": (("Authorization", f"Bearer  {KEY}"),),
    "Bearer and spaces behind": (("Authorization", f"Bearer {KEY}  "),),
    "both, and both right": (("X-Api-Key", KEY), ("Authorization", f"Bearer {KEY}")),
    "both, and Authorization is wrong": (("X-Api-Key", KEY), ("Authorization", "Bearer wrong")),
    "both, and Authorization is another's": (("X-Api-Key", KEY), ("Authorization", "Basic eDp5")),
    "space around": (("X-Api-Key", f"  {KEY}\t "),),
    "other case of the header": (("x-API-key", KEY),),
}
UNAUTHORIZED: dict[str, Headers] = {
    "none": (),
    "empty": (("X-Api-Key", ""),),
    "only spaces": (("X-Api-Key", "   "),),
    "another": (("X-Api-Key", "another-key-0123456789"),),
    "canary": (("X-Api-Key", CANARY),),
    "one character less": (("X-Api-Key", KEY[:-1]),),
    "one character more": (("X-Api-Key", KEY + "0"),),
    "in upper case": (("X-Api-Key", KEY.upper()),),
    "quoted": (("X-Api-Key", f'"{KEY}"'),),
    "twice in one": (("X-Api-Key", f"{KEY},{KEY}"),),
    "twice, with a space": (("X-Api-Key", f"{KEY} {KEY}"),),
    "space within": (("X-Api-Key", f"{KEY[:9]} {KEY[9:]}"),),
    "escaped": (("X-Api-Key", "".join(f"%{ord(c):02x}" for c in KEY)),),
    "with Bearer": (("X-Api-Key", f"Bearer {KEY}"),),
    "high bytes": (("X-Api-Key", bytes(range(0x80, 0x100))),),
    "UTF-8": (("X-Api-Key", "nyckel-å-🔥".encode()),),
    "fullwidth": (("X-Api-Key", "".join(chr(0xFEE0 + ord(c)) for c in KEY).encode()),),
    "1,024 characters": (("X-Api-Key", "k" * 1024),),
    "1,025 characters": (("X-Api-Key", "k" * 1025),),
    "20,000 characters": (("X-Api-Key", "k" * 20_000),),
    "the long one and one more": (("X-Api-Key", LONG_KEY + "k"),),
    "header twice": (("X-Api-Key", KEY), ("X-Api-Key", KEY)),
    "header twice, first wrong": (("X-Api-Key", "wrong"), ("X-Api-Key", KEY)),
    "header twice, second wrong": (("X-Api-Key", KEY), ("X-Api-Key", "wrong")),
    "Authorization twice": (("Authorization", f"Bearer {KEY}"),) * 2,
    "Authorization twice, first wrong": (
        ("Authorization", "Bearer wrong"),
        ("Authorization", f"Bearer {KEY}"),
    ),
    "Authorization twice, second wrong": (
        ("Authorization", f"Bearer {KEY}"),
        ("Authorization", "Basic eDp5"),
    ),
    "both, and x-api-key is wrong": (
        ("X-Api-Key", "wrong"),
        ("Authorization", f"Bearer {KEY}"),
    ),
    "both, and x-api-key is empty": (("X-Api-Key", ""), ("Authorization", f"Bearer {KEY}")),
    "no scheme": (("Authorization", KEY),),
    "scheme alone": (("Authorization", "Bearer"),),
    "scheme and a space": (("Authorization", "Bearer "),),
    "no space": (("Authorization", f"Bearer{KEY}"),),
    "tab": (("Authorization", f"Bearer\t{KEY}"),),
    "colon": (("Authorization", f"Bearer: {KEY}"),),
    "equals sign": (("Authorization", f"Bearer token={KEY}"),),
    "bearer quoted": (("Authorization", f'Bearer "{KEY}"'),),
    "list": (("Authorization", f"Bearer {KEY}, Bearer x"),),
    "scheme twice": (("Authorization", f"Bearer Bearer {KEY}"),),
    "Token": (("Authorization", f"Token {KEY}"),),
    "ApiKey": (("Authorization", f"ApiKey {KEY}"),),
    "Basic": (("Authorization", f"Basic {KEY}"),),
    "Negotiate": (("Authorization", "Negotiate YII="),),
    "Digest": (("Authorization", 'Digest username="x", nonce="x"'),),
    "Authorization of 20,000": (("Authorization", "Bearer " + "k" * 20_000),),
    "cookie": (("Cookie", f"x-api-key={KEY}"),),
    "proxy's header": (("Proxy-Authorization", f"Bearer {KEY}"),),
    "api-key": (("Api-Key", KEY),),
    "x_api_key": (("X_Api_Key", KEY),),
    "x-api-key1": (("X-Api-Key1", KEY),),
    "x-original-authorization": (("X-Original-Authorization", f"Bearer {KEY}"),),
    "forwarded client": (("X-Forwarded-For", "127.0.0.1"), ("X-Real-Ip", "127.0.0.1")),
    "forwarded user": (("X-Remote-User", "admin"), ("X-Forwarded-User", "admin")),
}
IN_THE_QUERY = ("x-api-key", "api_key", "apikey", "key", "token", "access_token", "authorization")


def guarded(place: int) -> str:
    """A trigger with the same keys: of one of them so many guesses in a row are a 429."""
    return f"Guarded{place // GUESSES}"


KEYS: list[Case] = [
    *(
        taken(f"right: {name}", headers=headers, key=None, seen={"consumer": "tester"})
        for name, headers in AUTHORIZED.items()
    ),
    *(
        refused(f"wrong: {name}", 401, "unauthorized", guarded(place), headers=headers, key=None)
        for place, (name, headers) in enumerate(UNAUTHORIZED.items())
    ),
    *(
        refused(f"in the query: {name}", 401, "unauthorized", f"Seen?{name}={KEY}", key=None)
        for name in IN_THE_QUERY
    ),
    refused("in the body", 401, "unauthorized", key=None, body=b"x-api-key=" + KEY.encode()),
    refused("as user of the URL", 401, "unauthorized", f"http://{KEY}@a.test/test/Seen", key=None),
    refused("NUL", 400, "bad_request", key=f"{KEY}\x00"),
    refused("before the method", 401, "unauthorized", method="OPTIONS", key=None),
    refused("before the length", 401, "unauthorized", "Small", key=None, body=b"x" * 2000),
    refused("before the query", 401, "unauthorized", "Strict?integer=x", key=None),
    refused("before the body", 401, "unauthorized", "Json", key=None, body=b"{"),
    refused("of a message", 401, "unauthorized", "Seen/messages/x", key=None),
    refused("of a message's response", 401, "unauthorized", "Seen/messages/x/response", key=None),
    refused("behind the path", 404, "not_found", "Nothing", key=None),
    taken("an odd one", key=ODD_KEY, seen={"consumer": "odd"}),
    taken("the longest", key=LONG_KEY, seen={"consumer": "long"}),
    taken("of an odd label", key=EMOJI_KEY, seen={"consumer": EMOJI_LABEL}),
    taken("a wrong one on an open trigger", "Open", key="wrong", seen={"consumer": None}),
    taken("none on an open trigger", "Open", key=None, seen={"consumer": None}),
]
