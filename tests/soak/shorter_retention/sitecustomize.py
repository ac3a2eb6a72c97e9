"""Not a defect: of retention's hours each has HOUR_S seconds."""

from __future__ import annotations

import os

from firesteel.store.sql import history, retention

_US = int(float(os.environ["HOUR_S"]) / 3600 * 1_000_000)

retention._US = _US
history._US = _US
