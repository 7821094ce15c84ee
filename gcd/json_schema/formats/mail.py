"""email (RFC 5321, 4.1.2, Mailbox) and idn-email (RFC 6531)."""

from __future__ import annotations

from gcd.json_schema.formats.format import any_of, from_pattern
from gcd.json_schema.formats.network import IPV4_PATTERN

__all__ = ["EMAIL", "IDN_EMAIL"]

_HEX = "[0-9A-Fa-f]{1,4}"


def _groups(most: int, after: str) -> str:
    """Up to `most` groups of hexadecimal digits with ``::`` somewhere among them, and `after` in the end."""
    ways = []
    for left in range(most + 1):
        head = f"{_HEX}(?::{_HEX}){{{left - 1}}}" if left else ""
        right = most - left
        if after:
            tail = f"(?:{_HEX}:){{0,{right}}}{after}"
        else:
            tail = f"(?:{_HEX}(?::{_HEX}){{0,{right - 1}}})?" if right else ""
        ways.append(f"{head}::{tail}")
    return any_of(*ways)


_IPV6 = any_of(
    f"{_HEX}(?::{_HEX}){{7}}",
    _groups(6, ""),
    f"(?:{_HEX}:){{6}}{IPV4_PATTERN}",
    _groups(4, IPV4_PATTERN),
)
_LITERAL = rf"\[(?:{IPV4_PATTERN}|[Ii][Pp][Vv]6:{_IPV6})\]"


def _mailbox(more: str, begin: str, inside: str) -> str:
    """The pattern, with characters beyond ASCII that may be in atoms and quotes, begin domain labels, be in them."""
    atom = rf"[A-Za-z0-9!#$%&'*+\-\/=?^_`{{|}}~{more}]+"
    quoted = rf'"(?:[ !#-\[\]-~{more}]|\\[ -~])*"'
    letter = f"A-Za-z0-9{inside}"
    label = rf"[A-Za-z0-9{begin}](?:[{letter}\-]*[{letter}])?"
    return rf"(?:{atom}(?:\.{atom})*|{quoted})@(?:{label}(?:\.{label})*|{_LITERAL})"


EMAIL = from_pattern("email", _mailbox("", "", ""))
# Of a U-label the characters are checked, and that it doesn't begin with a mark (RFC 5891, 4.2.3); the official suite
# asks for no more: it takes labels that aren't normalized.
_LETTERS = r"\p{Ll}\p{Lo}\p{Lm}\p{Nd}\u{B7}\u{375}\u{5F3}\u{5F4}\u{30FB}"
IDN_EMAIL = from_pattern(
    "idn-email", _mailbox(r"\u{80}-\u{10FFFF}", _LETTERS, _LETTERS + r"\p{Mn}\p{Mc}\u{200C}\u{200D}")
)
