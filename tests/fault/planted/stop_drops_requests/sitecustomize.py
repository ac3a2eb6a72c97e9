"""Planted defect: a node that is told to stop ends at once, whoever waits for an answer."""

from __future__ import annotations

import os

from firesteel.engine.dispatch import Dispatcher

Dispatcher.stop_claiming = lambda self: os._exit(0)  # type: ignore[method-assign]
