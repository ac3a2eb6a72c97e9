"""Exit code 0 where the node of this container answers /health/live, else 1: its HEALTHCHECK.

Takes the port and whether it speaks HTTPS from the variables that the node takes them from.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys

TIMEOUT_S = 4.0


def main() -> int:
    """Ask once."""
    port = int(os.environ.get("FIRESTEEL_ADMIN_PORT") or "8081")
    try:
        connection = _connection(port)
        connection.request("GET", "/health/live")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"/health/live does not answer: {error}\n")
        return 1
    if status != http.client.OK:
        sys.stderr.write(f"/health/live answers {status}\n")
        return 1
    return 0


def _connection(port: int) -> http.client.HTTPConnection:
    """To the admin port. Its certificate is for the name that callers use, not for 127.0.0.1."""
    tls = os.environ.get("FIRESTEEL_TLS_CERT") or os.environ.get("FIRESTEEL_TLS") == "self-signed"
    if not tls:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT_S, context=unverified)


if __name__ == "__main__":
    sys.exit(main())
