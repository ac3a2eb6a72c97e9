"""XML bodies in xmltodict's shape: attributes ``@a``, text ``#text``, repeated elements as lists.

A document type declaration is refused, with it every entity that is not XML's own, so that nothing
is expanded or fetched. Everything a document builds is bounded by its own size and by a depth.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol
from xml.parsers import expat

import xmltodict
from defusedxml.common import DTDForbidden, EntitiesForbidden, ExternalReferenceForbidden

from firesteel.model.charsets import known_charset
from firesteel.model.json_exact import MAX_DEPTH

_VERSION = re.compile(r"1\.[0-9]+", re.ASCII)  # XML 1.0, production 26
_BOMS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")

StartElement = Callable[[str, list[str]], None]


class XmlInvalid(ValueError):
    """The bytes are no XML that is taken. ``code`` is ``malformed``, ``dtd_forbidden`` or
    ``nested_too_deeply``; the text never repeats what was sent.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def parse_xml(data: bytes, charset: str | None) -> Any:
    """The document as xmltodict gives it. ``charset`` of the content type goes before the XML
    declaration and after a byte order mark (RFC 7303, section 3). Raises XmlInvalid.
    """
    encoding = None if data.startswith(_BOMS) else charset
    try:
        return xmltodict.parse(data, encoding=encoding, expat=_Expat)
    except (DTDForbidden, EntitiesForbidden, ExternalReferenceForbidden):
        raise XmlInvalid("dtd_forbidden", "a document type declaration is not taken") from None
    except expat.ExpatError as error:
        place = f"line {error.lineno}, column {error.offset + 1}"
        raise XmlInvalid("malformed", f"the text is not XML at {place}") from None
    except XmlInvalid:
        raise
    except (ValueError, LookupError):  # an encoding that is unknown or does not fit
        raise XmlInvalid("malformed", "the text is not XML in its encoding") from None


class Elements(Protocol):
    """Is told of each element where it stands; ``at``: the first byte of its tag."""

    def start(self, name: str, attributes: list[str], at: int) -> None:
        """``attributes``: their names, in their order."""
        ...

    def end(self, at: int) -> None:
        """The element that began last ends."""
        ...


def find_elements(data: bytes, charset: str | None, elements: Elements) -> None:
    """Tell ``elements`` of all that there are in the document, under the rules of ``parse_xml``.
    Raises XmlInvalid, and what ``elements`` raises."""
    parser = _Parser(None if data.startswith(_BOMS) else charset, None)

    def start(name: str, attributes: list[str]) -> None:
        elements.start(name, attributes[::2], parser.position())

    parser.ordered_attributes = True
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _name: elements.end(parser.position())
    try:
        parser.Parse(data, True)
    except (DTDForbidden, ExternalReferenceForbidden):
        raise XmlInvalid("dtd_forbidden", "a document type declaration is not taken") from None
    except (expat.ExpatError, LookupError):
        raise XmlInvalid("malformed", "the text is not XML") from None


class _Expat:
    """Takes the place of the module ``xml.parsers.expat`` in xmltodict."""

    @staticmethod
    def ParserCreate(encoding: str | None, separator: str | None) -> _Parser:  # noqa: N802 - expat's
        return _Parser(encoding, separator)


class _Parser:
    """An expat parser that refuses document types and counts depth; xmltodict sets its handlers."""

    _expat: Any
    _depths: _Depths

    def __init__(self, encoding: str | None, separator: str | None) -> None:
        parser = expat.ParserCreate(encoding, separator)
        parser.XmlDeclHandler = _check_declaration if encoding is None else _check_version
        parser.StartDoctypeDeclHandler = _refuse_dtd
        parser.ExternalEntityRefHandler = _refuse_reference
        object.__setattr__(self, "_expat", parser)
        object.__setattr__(self, "_depths", _Depths())

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "StartElementHandler":
            value = self._depths.counted(value)
        elif name == "EndElementHandler":
            value = self._depths.uncounted(value)
        setattr(self._expat, name, value)

    def position(self) -> int:
        """Of the first byte of what is being told."""
        return int(self._expat.CurrentByteIndex)

    def Parse(self, data: bytes, final: bool) -> None:  # noqa: N802 - expat's
        self._expat.Parse(data, final)


class _Depths:
    """How deep the parser stands; called for every element, so no more than a counter."""

    __slots__ = ("_depth",)

    def __init__(self) -> None:
        self._depth = 0

    def counted(self, handler: StartElement) -> StartElement:
        def start(name: str, attributes: list[str]) -> None:
            self._depth += 1
            if self._depth > MAX_DEPTH:
                detail = f"the document is nested over {MAX_DEPTH} deep"
                raise XmlInvalid("nested_too_deeply", detail)
            handler(name, attributes)

        return start

    def uncounted(self, handler: Callable[[str], None]) -> Callable[[str], None]:
        def end(name: str) -> None:
            self._depth -= 1
            handler(name)

        return end


def _check_version(version: str, _encoding: str | None, _standalone: int) -> None:
    """Expat takes any."""
    if not _VERSION.fullmatch(version):
        raise XmlInvalid("malformed", "the text is not XML 1")


def _check_declaration(version: str, encoding: str | None, standalone: int) -> None:
    """What expat does not know itself it asks Python for, which has encodings that are no text."""
    _check_version(version, encoding, standalone)
    if encoding is not None and known_charset(encoding) is None:
        raise XmlInvalid("malformed", "the encoding of the XML declaration is not known")


def _refuse_dtd(name: str, system: str | None, public: str | None, _subset: int) -> None:
    raise DTDForbidden(name, system, public)


def _refuse_reference(
    context: str, base: str | None, system: str | None, public: str | None
) -> int:
    raise ExternalReferenceForbidden(context, base, system, public)
