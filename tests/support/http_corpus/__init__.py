"""Requests that break HTTP/1.1 or come close to it, and what each is answered (P40)."""

from __future__ import annotations

from tests.support.http_corpus.bodies import BODIES
from tests.support.http_corpus.case import GOOD, PATH, Case
from tests.support.http_corpus.headers import HEADERS
from tests.support.http_corpus.lines import LINES

__all__ = ["CORPUS", "GOOD", "PATH", "Case"]

CORPUS: tuple[Case, ...] = (*LINES, *HEADERS, *BODIES)
