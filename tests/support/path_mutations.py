"""Forty ways in which a path was made to look like another one, to a server or to what stands
before it."""

from __future__ import annotations

from collections.abc import Callable


def _escaped(text: str) -> str:
    return "".join(f"%{ord(character):02x}" for character in text)


def _last(path: str, change: Callable[[str], str]) -> str:
    head, slash, last = path.rpartition("/")
    return head + slash + change(last)


def _first(path: str, change: Callable[[str], str]) -> str:
    first, slash, rest = path[1:].partition("/")
    return "/" + change(first) + slash + rest


MUTATIONS: dict[str, Callable[[str], str]] = {
    "as it is": lambda path: path,
    "slash behind": lambda path: path + "/",
    "slashes behind": lambda path: path + "//",
    "slash before": lambda path: "/" + path,
    "slashes before": lambda path: "///" + path,
    "slashes doubled": lambda path: path.replace("/", "//"),
    "dot behind": lambda path: path + "/.",
    "dot before": lambda path: "/." + path,
    "dots between": lambda path: path.replace("/", "/./"),
    "down and up": lambda path: "/health/.." + path,
    "down and up, escaped": lambda path: "/health/%2e%2e" + path,
    "down and up, escaped twice": lambda path: "/health/%252e%252e" + path,
    "down and up with a semicolon": lambda path: "/health/..;" + path,
    "from the static files": lambda path: "/static/.." + path,
    "from the static files, escaped": lambda path: "/static/..%2f" + path[1:],
    "from the sign-in": lambda path: "/sign-in/.." + path,
    "up to an open one": lambda path: path + "/../../../../health/live",
    "up to an open one, escaped": lambda path: path + "%2f..%2f..%2fhealth%2flive",
    "suffix of liveness": lambda path: path + "/health/live",
    "suffix of the document": lambda path: path + "/openapi.json",
    "suffix of metrics": lambda path: path + "/metrics",
    "suffix of the sign-in": lambda path: path + "/sign-in",
    "suffix of a picture": lambda path: path + ".png",
    "suffix of a style": lambda path: path + "/x.css",
    "suffix json": lambda path: path + ".json",
    "semicolon": lambda path: path + ";",
    "semicolon and liveness": lambda path: path + ";/health/live",
    "semicolon in the first": lambda path: _first(path, lambda first: first + ";x=y"),
    "question mark escaped": lambda path: path + "%3f/health/live",
    "number sign escaped": lambda path: path + "%23/health/live",
    "query of liveness": lambda path: path + "?/health/live",
    "upper case": lambda path: path.upper(),
    "one letter in upper case": lambda path: _first(path, str.capitalize),
    "slashes escaped": lambda path: "/" + path[1:].replace("/", "%2f"),
    "backslashes": lambda path: "/" + path[1:].replace("/", "%5c"),
    "last escaped": lambda path: _last(path, _escaped),
    "last escaped twice": lambda path: _last(path, _escaped).replace("%", "%25"),
    "first escaped": lambda path: _first(path, _escaped),
    "NUL behind": lambda path: path + "%00",
    "NUL and liveness": lambda path: path + "%00/health/live",
    "space behind": lambda path: path + "%20",
    "line end behind": lambda path: path + "%0d%0a",
    "overlong slash": lambda path: "/" + path[1:].replace("/", "%c0%af"),
    "fullwidth slash": lambda path: "/" + path[1:].replace("/", "%ef%bc%8f"),
    "no UTF-8 behind": lambda path: path + "%ff",
    "absolute form": lambda path: "http://127.0.0.1" + path,
}
