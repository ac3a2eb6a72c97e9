"""The frames that the engine and a worker exchange over their Unix socket.

A frame on the wire: its length as four bytes, big-endian, then MessagePack of one of the structs
below (tagged arrays). Both directions are ordered; several frames may stand in one write.

The engine sends ``Define`` before the first ``Run`` of a version on a connection and
``Connections`` before the first ``Run`` of a workspace. A worker answers every ``Run`` with exactly
one ``Outcome`` when nothing of the attempt runs any more, unless it dies. ``(execution_no, epoch)``
names one attempt: frames with an epoch that is over are dropped by the engine (P14).
"""

from __future__ import annotations

import struct

import msgspec

from firesteel.model.execution import Failure, InputFault, JournalEntry, Response
from firesteel.model.message import Message
from firesteel.model.trials import Function, Ground, ModuleFault, PlacedFault

LIMIT_BYTES = 256 * 1024 * 1024
VALUE_BYTES = 256 * 1024
"""As much of a value as people are shown of a preview or a try."""
_LENGTH = struct.Struct(">I")
_COPIED_BYTES = 16 * 1024


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Base of all frames."""


# --- from the engine ---------------------------------------------------------------------------


class Define(Frame, frozen=True):
    """An integration's version: ``document`` is its JSON."""

    version_no: int
    workspace: str
    trigger_no: int
    document: bytes


class Forget(Frame, frozen=True):
    """The version will not be run on this connection before it is defined again."""

    version_no: int


class Connections(Frame, frozen=True):
    """All connections of a workspace, ``${NAME}`` resolved: JSON, name -> document. Replaces
    those sent before. ``share`` of the node's workers: each may open its part of max_connections
    (rounded up). ``outgoing_allow``: networks that http steps may reach although private."""

    workspace: str
    connections: bytes
    workers: int
    outgoing_allow: list[str]


class Run(Frame, frozen=True):
    """One attempt. ``execution`` is the stable public id. ``journal`` holds the results of steps
    that are done already. ``timeout_s`` bounds this attempt. ``given_input``: JSON that a person
    gave in place of what data processing would make; empty: none."""

    execution_no: int
    epoch: int
    execution: str
    version_no: int
    attempt: int
    timeout_s: float
    message: Message
    journal: list[JournalEntry]
    given_input: bytes = b""


class Cancel(Frame, frozen=True):
    """End the attempt now. Its Outcome, whatever it says, tells that it has ended: nothing of it
    runs any more (a function in a thread that goes on sends none, and the worker is killed)."""

    execution_no: int
    epoch: int


class Recorded(Frame, frozen=True):
    """The entry of that step is committed; ``accepted`` False: the lease is lost, start nothing
    more."""

    execution_no: int
    epoch: int
    step: str
    accepted: bool


class Found(Frame, frozen=True):
    """Answer to Lookup; ``document`` empty where there is no such integration."""

    request_no: int
    version_no: int
    document: bytes


class Import(Frame, frozen=True):
    """Import these functions (``module:function``) now, so that no attempt has to wait for it and
    all workers have the code as it is now. What cannot be imported is tried again when an attempt
    needs it. Answered by Imported."""

    references: list[str]


class Check(Frame, frozen=True):
    """Compile a document's expressions and find its Python functions."""

    request_no: int
    workspace: str
    document: bytes


class ReadBody(Frame, frozen=True):
    """Parse a body that is too big for the engine's loop: check it against ``mode`` (JSON of the
    trigger's ``body``) and read ``paths`` (each ``body...``) as keys."""

    request_no: int
    mode: bytes
    content_type: str
    body: bytes
    paths: list[str]


class Redact(Frame, frozen=True):
    """Replace in a body that is too big for the engine's loop what ``redact`` of the document
    lists. ``content_type`` empty: there was none."""

    request_no: int
    redact: list[str]
    content_type: str
    body: bytes


class Probe(Frame, frozen=True):
    """Test a connection: open it and ask something harmless."""

    request_no: int
    workspace: str
    connection: str


class FetchKeys(Frame, frozen=True):
    """Fetch the public keys of an issuer of tokens, from an address that steps might call."""

    request_no: int
    url: str
    timeout_s: float
    limit_bytes: int
    outgoing_allow: list[str]


class Deliver(Frame, frozen=True):
    """Send an alert. ``channel``: JSON of a channel of ``model.alerts``, its references resolved;
    ``alert``: JSON of ``model.alert.Alert``."""

    request_no: int
    channel: bytes
    alert: bytes
    timeout_s: float
    outgoing_allow: list[str]


class Preview(Frame, frozen=True):
    """Evaluate ``what`` and touch nothing. ``what`` is JSON of an object: ``data_processing`` (an
    expression), or ``template`` (a document of expressions) as the step ``step`` would see it, or
    ``response`` (as in a document); none of them: the names alone. ``sees``: tell what expressions
    read there."""

    request_no: int
    ground: Ground
    what: bytes
    sees: bool


class Try(Frame, frozen=True):
    """Do one step, in a process of its own that is ended after ``timeout_s``. ``roll_back``: what
    ``sql`` steps do is rolled back; all else acts for real. ``called``: documents of the
    integrations that it may call. ``connections``: JSON, as in Connections."""

    request_no: int
    workspace: str
    ground: Ground
    step: str
    execution: str
    roll_back: bool
    timeout_s: float
    called: dict[str, bytes]
    connections: bytes
    outgoing_allow: list[str]


class ListFunctions(Frame, frozen=True):
    """Import every module of the workflows folder, in a process of its own that is ended after
    ``timeout_s``, and tell which functions there are."""

    request_no: int
    timeout_s: float


class Lease(Frame, frozen=True):
    """Start no attempt and no step when ``model.lease_clock`` is past ``until_s``, before another
    Lease comes: another node may have taken over (P14). Sent before the first Run."""

    until_s: float


class Drain(Frame, frozen=True):
    """Take no more; exit 0 when the last attempt has ended."""


# --- from a worker -----------------------------------------------------------------------------


class Hello(Frame, frozen=True):
    """First frame of a connection; ``token`` is the one the supervisor gave to its children."""

    pid: int
    token: str


class Record(Frame, frozen=True):
    """A step is done: journal it before the next one starts. Answered by Recorded."""

    execution_no: int
    epoch: int
    entry: JournalEntry


class Outcome(Frame, frozen=True):
    """The attempt has ended: exactly one of ``response`` (succeeded) and ``failure``.

    ``entries`` go into the settling transaction. ``input`` is the workflow's input as JSON where
    data processing made one (else empty). ``logs``: what the workflow printed and logged, 64 KiB
    at most. ``code_hash``: of the Python module that ran, else empty.
    """

    execution_no: int
    epoch: int
    response: Response | None
    failure: Failure | None
    entries: list[JournalEntry] = []
    input: bytes = b""
    logs: str = ""
    code_hash: str = ""


class Lookup(Frame, frozen=True):
    """Ask for the published version of an integration of the workspace (``call`` steps)."""

    request_no: int
    workspace: str
    integration: str


class Imported(Frame, frozen=True):
    """Answer to Import: the worker has outlived it, or is at it for longer than others should
    wait."""


class Checked(Frame, frozen=True):
    """Answer to Check: faults by pointer into the document; empty when sound."""

    request_no: int
    faults: list[InputFault]


class BodyRead(Frame, frozen=True):
    """Answer to ReadBody: ``faults`` against the mode, and a key (or None) for each path."""

    request_no: int
    faults: list[InputFault]
    keys: list[str | None]


class Redacted(Frame, frozen=True):
    """Answer to Redact. ``body`` None: a value could stand in it that cannot be found; ``what`` it
    is then."""

    request_no: int
    body: bytes | None
    what: str


class Probed(Frame, frozen=True):
    """Answer to Probe; ``failure`` None when the connection works."""

    request_no: int
    failure: Failure | None


class KeysFetched(Frame, frozen=True):
    """Answer to FetchKeys: exactly one of ``document`` (not empty) and ``failure``."""

    request_no: int
    document: bytes
    failure: Failure | None


class Delivered(Frame, frozen=True):
    """Answer to Deliver; ``failure`` None when the alert was taken."""

    request_no: int
    failure: Failure | None


class Previewed(Frame, frozen=True):
    """Answer to Preview. ``value``: JSON, at most ``VALUE_BYTES`` of its ``size_bytes``; empty
    where there is none. ``sees``: JSON of an object, shortened. ``missing``: steps whose result is
    not known."""

    request_no: int
    faults: list[PlacedFault] = []
    value: bytes = b""
    size_bytes: int = 0
    response: Response | None = None
    sees: bytes = b""
    missing: list[str] = []


class Tried(Frame, frozen=True):
    """Answer to Try: ``failure``, or ``left_out`` (its ``when`` is false), or ``value``, JSON as in
    Previewed. ``logs``: what its functions printed."""

    request_no: int
    failure: Failure | None = None
    left_out: bool = False
    value: bytes = b""
    size_bytes: int = 0
    logs: str = ""
    took_s: float = 0.0


class FunctionsFound(Frame, frozen=True):
    """Answer to ListFunctions. ``failure``: none could be listed."""

    request_no: int
    functions: list[Function] = []
    faults: list[ModuleFault] = []
    failure: Failure | None = None


ToWorker = (
    Define
    | Forget
    | Connections
    | Run
    | Cancel
    | Recorded
    | Found
    | Import
    | Check
    | ReadBody
    | Redact
    | Probe
    | FetchKeys
    | Deliver
    | Preview
    | Try
    | ListFunctions
    | Lease
    | Drain
)
ToEngine = (
    Hello
    | Record
    | Outcome
    | Lookup
    | Checked
    | BodyRead
    | Redacted
    | Probed
    | KeysFetched
    | Delivered
    | Previewed
    | Tried
    | FunctionsFound
    | Imported
)

_encoder = msgspec.msgpack.Encoder()
_to_worker = msgspec.msgpack.Decoder(ToWorker)
_to_engine = msgspec.msgpack.Decoder(ToEngine)


def encode(frame: Frame) -> bytes:
    """The frame as it goes over the wire, length first."""
    data = _encoder.encode(frame)
    return _LENGTH.pack(len(data)) + data


def encode_long(frame: Frame) -> bytearray:
    """The same, made without a copy of it."""
    data = bytearray(_LENGTH.size)
    _encoder.encode_into(frame, data, _LENGTH.size)
    _LENGTH.pack_into(data, 0, len(data) - _LENGTH.size)
    return data


class FrameReader:
    """Cuts a byte stream into frames: ``feed`` bytes, iterate over what became whole.

    Raises ValueError past ``LIMIT_BYTES`` and msgspec.DecodeError on anything that is no frame.
    """

    def __init__(self, decoder: msgspec.msgpack.Decoder[Frame]) -> None:
        self._decoder = decoder
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by ``data``, in order."""
        frames: list[Frame] = []
        buffer = self._buffer
        if not buffer:  # as a rule: what came begins with a frame
            start = self._cut(data, frames)
            if start < len(data):
                buffer += data[start:] if start else data
            return frames
        buffer += data
        start = self._cut(buffer, frames)
        if start:
            del buffer[:start]
        return frames

    def _cut(self, data: bytes | bytearray, frames: list[Frame]) -> int:
        """Decode the whole frames at the beginning; where they end."""
        decode = self._decoder.decode
        start, end = 0, len(data)
        while end - start >= 4:
            length = int.from_bytes(data[start : start + 4], "big")
            if length > LIMIT_BYTES:
                raise ValueError("frame over the limit")
            start += 4
            if end - start < length:
                return start - 4
            if length <= _COPIED_BYTES:  # which takes less time than a view
                frames.append(decode(data[start : start + length]))
            else:
                with memoryview(data)[start : start + length] as view:
                    frames.append(decode(view))
            start += length
        return start


def worker_frames() -> FrameReader:
    """A reader of what the engine sends to a worker."""
    return FrameReader(_to_worker)


def engine_frames() -> FrameReader:
    """A reader of what a worker sends to the engine."""
    return FrameReader(_to_engine)
