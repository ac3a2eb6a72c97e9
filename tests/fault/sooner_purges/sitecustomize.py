"""Not a defect: behind ``hasty_retention``, messages go 0.36 s after they have ended, and an engine
that is killed again and again is started anew at once."""

from __future__ import annotations

from firesteel import supervisor
from firesteel.store.sql import history, retention

retention._US = 100
history._US = 100
supervisor.LONGEST_PAUSE_S = 0.0
