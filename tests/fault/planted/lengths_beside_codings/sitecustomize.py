"""Planted defect: a request may have a length and a transfer coding, and bare LF ends its lines:
so requests are smuggled past a proxy."""

from __future__ import annotations

from typing import Any

from firesteel.gateway import protocol

_parser = protocol._parser


def _lenient(guarded: Any) -> Any:
    parser = _parser(guarded)
    parser.set_dangerous_leniencies(
        lenient_data_after_close=True,
        lenient_chunked_length=True,
        lenient_optional_cr_before_lf=True,
    )
    return parser


protocol._parser = _lenient
