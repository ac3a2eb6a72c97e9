"""The tree of errors, split by who must act.

FiresteelError
├── CallerError        the caller of a trigger must act; becomes a problem on the public port
├── AuthorError        the author of an integration must act (a document, an expression, a step)
│   ├── PermanentError     raised by a workflow: the execution ends as failed
│   └── RetryLater         raised by a workflow: the attempt is repeated later
├── OperatorError      who runs the node must act (settings, disk, certificates)
│   └── StoreUnavailable   the store cannot commit now
└── InternalError      we must act: a defect of Firesteel
    └── OutcomeUnknown     a write was sent and its fate is not known: it may have happened

Every error carries a stable ``code`` (documented in docs/reference/errors.md). Texts name what is
wrong without input bytes, keys, SQL, paths or traces.
"""

from __future__ import annotations


class FiresteelError(Exception):
    """The root: ``code`` is stable, ``detail`` is for people."""

    code: str = "internal_error"

    def __init__(self, detail: str = "", *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class CallerError(FiresteelError):
    """A call that cannot be taken as it is; ``code`` names a problem of ``model.problem``."""

    code = "bad_request"


class AuthorError(FiresteelError):
    """An integration, expression, step or workflow is wrong."""

    code = "integration_invalid"


class PermanentError(AuthorError):
    """Raised by a workflow or step: no retry helps, the execution ends as failed with this text."""

    code = "permanent_error"


class RetryLater(AuthorError):
    """Raised by a workflow or step: repeat the attempt, after ``after_s`` seconds where given."""

    code = "retry_later"

    def __init__(self, after_s: float | None = None, detail: str = "") -> None:
        super().__init__(detail or "the workflow asked to be tried again later")
        self.after_s = after_s


class OperatorError(FiresteelError):
    """The node cannot run as it is set up."""

    code = "node_misconfigured"


class StoreUnavailable(OperatorError):
    """The store cannot commit now; nothing of this call was stored."""

    code = "store_unavailable"


class InternalError(FiresteelError):
    """A defect of Firesteel itself."""

    code = "internal_error"


class OutcomeUnknown(InternalError):
    """A write was begun and its fate is not known: it may have happened."""

    code = "outcome_unknown"
