"""What every answer of the console tells the browser not to do.

Scripts and styles come from the bundle only; a style's nonce is for CodeMirror, which writes its
own style element. Nothing is kept in a shared cache, and no other site may frame a page.
"""

from __future__ import annotations

import secrets
from typing import Final

NONCE_KEY: Final = "firesteel.nonce"
_FIXED: Final = (
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("referrer-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
)


def new_nonce() -> str:
    """For one page."""
    return secrets.token_urlsafe(16)


def security_headers(nonce: str) -> list[tuple[str, str]]:
    """Names in lower case."""
    policy = (
        "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        f"style-src 'self' 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    return [("content-security-policy", policy), *_FIXED]
