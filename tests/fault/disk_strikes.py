"""Faults of the disk that strike at the one instant at which a promise is easiest to break."""

from __future__ import annotations

import resource
import sys

from tests.fault.disk.forgetful import ForgetfulDisk
from tests.fault.scene import Scene

_FIRST_PAGE_BYTES = 4096


def power_cut_at_the_answer(scene: Scene, disk: ForgetfulDisk) -> None:
    """The power is cut as soon as a caller holds its acknowledgement."""
    call = scene.call("Concurrent")
    disk.cut(seed=call.sequence or 0)
    scene.service.kill_supervisor(disk.power_on)


def writes_fail(scene: Scene) -> None:
    """No file of this engine can grow any more: its next commit fails. Another engine follows."""
    if sys.platform == "linux":
        limit = (_FIRST_PAGE_BYTES, resource.RLIM_INFINITY)
        resource.prlimit(scene.service.node.engine_pid, resource.RLIMIT_FSIZE, limit)
    scene.call("Concurrent")
    scene.service.kill_engine()
