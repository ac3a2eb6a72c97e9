"""``python -m firesteel.worker.trial FOLDER``: would a worker that starts now have its functions?

Reads a JSON list of integration documents and writes the faults of each, also as JSON. A process of
its own, since a module is imported once, and may do anything while it is.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import msgspec

from firesteel.model.execution import InputFault
from firesteel.worker.code_folder import use_folder
from firesteel.worker.questions import function_faults
from firesteel.worker.worker import Worker

MODULE = "firesteel.worker.trial"


def main() -> int:
    """Try them all; 0 whatever was found."""
    answer = os.dup(1)
    os.dup2(2, 1)  # what modules print is not the answer
    folder = Path(sys.argv[1])
    use_folder(folder / "workflows")
    documents = json.load(sys.stdin)
    faults = asyncio.run(_try(documents, folder))
    with os.fdopen(answer, "wb") as file:
        file.write(msgspec.json.encode(faults))
    return 0


async def _try(documents: list[dict[str, object]], folder: Path) -> list[list[InputFault]]:
    worker = Worker(folder, finished=lambda: None)
    return [await function_faults(document, worker) for document in documents]


if __name__ == "__main__":
    sys.exit(main())
