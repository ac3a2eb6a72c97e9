"""The balancer in nginx: what nginx says of it, where it is installed with its stream module."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from firesteel.model.quantities import parse_duration
from tests.support.deployment import DEPLOY

TEXT = (DEPLOY / "nginx" / "firesteel.conf").read_text()
MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


def test_it_waits_longer_than_any_caller() -> None:
    timeout = re.search(r"proxy_timeout (\w+);", TEXT)
    assert timeout is not None
    assert parse_duration(timeout[1]) > 15 * 60


def test_nginx_finds_no_fault_in_it(tmp_path: Path) -> None:
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None or not MODULE.exists():
        pytest.skip("nginx with its stream module is not on this machine")
    here = re.sub(r"gateway-\d\.example\.com", "127.0.0.1", TEXT)
    here = here.replace("listen 8080", f"listen unix:{tmp_path}/s")  # it binds even for a test
    folder = f"pid {tmp_path}/pid; error_log {tmp_path}/error.log;"
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"load_module {MODULE};\n{folder}\nevents {{}}\n{here}")
    done = subprocess.run(
        [program, "-t", "-p", str(tmp_path), "-c", str(whole)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
