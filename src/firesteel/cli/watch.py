"""Publishes a project folder anew whenever a file in it changes, for ``firesteel dev``."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from firesteel.cli.applying import Applier, NodeFaults
from firesteel.cli.command import Session
from firesteel.cli.exit_codes import CommandFailed
from firesteel.cli.output import Output
from firesteel.cli.project_commands import show_applied, show_faults
from firesteel.cli.trial import try_functions

INTERVAL_S = 0.3

_Stamps = dict[Path, tuple[int, int, int, int]]


class Watcher:
    """Looks at the files' times in a thread of its own. ``start`` and ``stop`` once each."""

    def __init__(self, folder: Path, data_dir: Path) -> None:
        self._folder = folder
        self._data_dir = data_dir
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._seen = _stamps(folder)
        self._python_changed = False

    def start(self) -> None:
        """Begin to watch; what changed since the watcher was made counts."""
        self._thread.start()

    def stop(self) -> None:
        """End; a publication that is under way is finished."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _watch(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            now = _stamps(self._folder)
            if now == self._seen:
                continue
            changed = {
                path for path in now.keys() | self._seen if now.get(path) != self._seen.get(path)
            }
            self._seen = now
            self._publish(changed)

    def _publish(self, changed: set[Path]) -> None:
        output = Output()
        names = ", ".join(sorted(str(path) for path in changed))
        print(f"changed: {names}")
        session = Session(output, self._data_dir)
        try:
            self._apply(session, changed)
        except CommandFailed as error:
            output.failure(error)
        finally:
            session.close()
        sys.stdout.flush()

    def _apply(self, session: Session, changed: set[Path]) -> None:
        from firesteel.cli.serve import report_faults

        self._python_changed |= any(path.suffix == ".py" for path in changed)
        project = report_faults(self._folder)
        faults = project.faults
        if self._python_changed and not faults:
            faults = try_functions(project)
            show_faults(faults)
        if faults:
            # Workers that started now would import the broken files, so they stay as they are.
            session.output.note("nothing was published and the workers go on as they were")
            return
        if self._python_changed:
            session.client.post("/workers/restart")
            self._python_changed = False
        try:
            applied = Applier(session, project).apply()
        except NodeFaults as error:
            show_faults(error.faults)
            raise
        applied.publications = [item for item in applied.publications if item["changed"]]
        applied.connections = [item for item in applied.connections if item["changed"]]
        if applied.alerts is not None and not applied.alerts["changed"]:
            applied.alerts = None
        show_applied(session.output, applied)


def _stamps(folder: Path) -> _Stamps:
    from firesteel.project import watched_files

    stamps: _Stamps = {}
    for path in watched_files(folder):
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        # Tools may give a file the size and the time that it had; nobody can give it a ctime.
        stamps[path] = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)
    return stamps
