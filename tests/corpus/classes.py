"""All classes of the corpus, by the name that the documentation has for each."""

from __future__ import annotations

from tests.corpus.case import Case
from tests.corpus.encodings import ENCODINGS
from tests.corpus.forms import FORMS
from tests.corpus.headers import HEADERS
from tests.corpus.idempotency import IDEMPOTENCY
from tests.corpus.json_texts import JSON_TEXTS
from tests.corpus.keys import KEYS
from tests.corpus.paths import PATHS
from tests.corpus.queries import QUERIES
from tests.corpus.texts import TEXTS_KEPT
from tests.corpus.xml_texts import XML_TEXTS

CLASSES: dict[str, list[Case]] = {
    "paths": PATHS,
    "queries": QUERIES,
    "headers": HEADERS,
    "sizes and encodings": ENCODINGS,
    "JSON": JSON_TEXTS,
    "XML": XML_TEXTS,
    "forms and multipart": FORMS,
    "API keys": KEYS,
    "idempotency keys": IDEMPOTENCY,
    "texts and numbers": TEXTS_KEPT,
}
