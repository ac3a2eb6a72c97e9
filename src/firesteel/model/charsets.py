"""The charsets that bodies may have: texts that decode in time proportional to their length.

Not among them are Python's own encodings, such as unicode_escape, punycode and idna, and those that
are no text, such as hex.
"""

from __future__ import annotations

import codecs
import re

_KNOWN = re.compile(
    r"(?:utf-(?:8|16|32)(?:-sig|-le|-be)?|ascii|iso8859-[0-9]+|cp[0-9]+|koi8-[rtu]|mac-[a-z]+|"
    r"gb2312|gbk|gb18030|big5|big5hkscs|shift_jis|shift_jisx0213|euc_jp|iso2022_jp|euc_kr|johab)",
    re.ASCII,
)


def known_charset(name: str) -> str | None:
    """Python's name of a charset; None where it is not one that is taken."""
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return found if _KNOWN.fullmatch(found) else None
