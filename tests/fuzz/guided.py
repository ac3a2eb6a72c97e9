"""One target under atheris, for ``tests.fuzz``: ``guided NAME FOLDER SECONDS``."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["firesteel"]):
    from tests.fuzz.targets import TARGETS

ONE_INPUT_S = 10
MEMORY_MB = 2048
LENGTH_BYTES = 4096


def main(name: str, folder: str, seconds: str) -> None:
    """Does not return: libFuzzer ends the process, with 0 when the time is over."""
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={ONE_INPUT_S}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={LENGTH_BYTES}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, folder], TARGETS[name].run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
