"""Durations, sizes and rates as they are written: ``500ms``, ``10MiB``, ``100/s``."""

from __future__ import annotations

Duration = float  # seconds
Size = int  # bytes
Rate = float  # calls a second
