"""Not a defect: retention counts a second as a millisecond, and looks ten times a second."""

from __future__ import annotations

from firesteel.engine import housekeeping
from firesteel.store.sql import history, retention

retention._US = 1000
history._US = 1000
housekeeping.RETENTION_S = 0.1
