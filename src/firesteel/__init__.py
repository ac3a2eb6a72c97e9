"""Firesteel: a self-hosted integration engine. These names are what authors of workflows import."""

from firesteel.authoring import Message, Response, step, workflow
from firesteel.errors import PermanentError, RetryLater

__all__ = ["Message", "PermanentError", "Response", "RetryLater", "step", "workflow"]
