"""uri and uri-reference (RFC 3986), iri and iri-reference (RFC 3987), uri-template (RFC 6570)."""

from __future__ import annotations

from gcd.json_schema.formats.format import from_pattern
from gcd.json_schema.formats.network import IPV6_PATTERN

__all__ = ["IRI", "IRI_REFERENCE", "URI", "URI_REFERENCE", "URI_TEMPLATE"]

_PERCENT = "%[0-9A-Fa-f]{2}"
_UNRESERVED = r"A-Za-z0-9\-._~"
_SUB_DELIMS = "!$&'()*+,;="
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*"
_IP_LITERAL = rf"\[(?:{IPV6_PATTERN}|[vV][0-9A-Fa-f]+\.[{_UNRESERVED}{_SUB_DELIMS}:]+)\]"

_UCS_CHAR = r"\u{A0}-\u{D7FF}\u{F900}-\u{FDCF}\u{FDF0}-\u{FFEF}" + "".join(
    rf"\u{{{plane << 16 | (0x1000 if plane == 14 else 0):x}}}-\u{{{plane << 16 | 0xFFFD:x}}}" for plane in range(1, 15)
)
_PRIVATE = r"\u{E000}-\u{F8FF}\u{F0000}-\u{FFFFD}\u{100000}-\u{10FFFD}"


def _patterns(more: str, private: str) -> tuple[str, str]:
    """The absolute form and the reference, with `more` unreserved characters, and `private` ones in queries."""

    def chars(others: str) -> str:
        return f"(?:[{_UNRESERVED}{more}{_SUB_DELIMS}{others}]|{_PERCENT})"

    segment = chars(":@")
    authority = rf"(?:{chars(':')}*@)?(?:{_IP_LITERAL}|{chars('')}*)(?::\d*)?"
    rooted = f"/(?:{segment}+(?:/{segment}*)*)?"
    behind = rf"(?:\?{chars(':@/?' + private)}*)?(?:#{chars(':@/?')}*)?"
    begin = f"//{authority}(?:/{segment}*)*|{rooted}"
    absolute = f"{_SCHEME}:(?:{begin}|{segment}+(?:/{segment}*)*)?{behind}"
    relative = f"(?:{begin}|{chars('@')}+(?:/{segment}*)*)?{behind}"
    return absolute, f"(?:{absolute}|{relative})"


_URI, _URI_REFERENCE = _patterns("", "")
_IRI, _IRI_REFERENCE = _patterns(_UCS_CHAR, _PRIVATE)
URI = from_pattern("uri", _URI)
URI_REFERENCE = from_pattern("uri-reference", _URI_REFERENCE)
IRI = from_pattern("iri", _IRI)
IRI_REFERENCE = from_pattern("iri-reference", _IRI_REFERENCE)

# Operators that RFC 6570 reserves (=,!@|) mean nothing yet; a template with one is in error (2.2 and 3).
_LITERAL = rf"(?:[!#$&'-;=?-\[\]_a-z~{_UCS_CHAR}{_PRIVATE}]|{_PERCENT})"
_VARCHAR = f"(?:[A-Za-z0-9_]|{_PERCENT})"
_VARSPEC = rf"{_VARCHAR}(?:\.?{_VARCHAR})*(?::[1-9]\d{{0,3}}|\*)?"
URI_TEMPLATE = from_pattern("uri-template", rf"(?:{_LITERAL}|\{{[+#./;?&]?{_VARSPEC}(?:,{_VARSPEC})*\}})*")
