"""ipv4 (RFC 2673, 3.2), ipv6 (RFC 4291, 2.2), hostname (RFC 1123, 2.1) and idn-hostname (RFC 5890, 2.3.2.3)."""

from __future__ import annotations

from gcd.json_schema.builder import ProgramBuilder
from gcd.json_schema.ecma_pattern import whole_regex
from gcd.json_schema.formats.format import Format, any_of, from_pattern
from gcd.json_schema.formats.idna import idn_hostname

__all__ = ["HOSTNAME", "IDN_HOSTNAME", "IPV4", "IPV4_PATTERN", "IPV6", "IPV6_PATTERN", "OLD_HOSTNAME"]

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
IPV4_PATTERN = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_H16 = "[0-9A-Fa-f]{1,4}"
_LS32 = any_of(f"{_H16}:{_H16}", IPV4_PATTERN)
IPV6_PATTERN = any_of(
    f"(?:{_H16}:){{6}}{_LS32}",
    f"::(?:{_H16}:){{5}}{_LS32}",
    f"(?:{_H16})?::(?:{_H16}:){{4}}{_LS32}",
    *(f"(?:(?:{_H16}:){{0,{5 - n}}}{_H16})?::(?:{_H16}:){{{n}}}{_LS32}" for n in (4, 3, 2, 1, 0) if n < 4),
    f"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}",
    f"(?:(?:{_H16}:){{0,6}}{_H16})?::",
)
"""RFC 3986's IPv6address."""

IPV4 = from_pattern("ipv4", IPV4_PATTERN)
IPV6 = from_pattern("ipv6", IPV6_PATTERN)

_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_A_LABEL = "which Unicode label one stands for, if any, no automaton can tell"


def _old_hostname(program: ProgramBuilder) -> int:
    """Labels of up to 63 characters, 253 in all."""
    return program.both((whole_regex(rf"{_LABEL}(?:\.{_LABEL})*", program), program.length(1, 253)))


def _hostname(program: ProgramBuilder) -> int:
    """The same, with no label that claims to be Punycode."""
    punycode = whole_regex(r"(?:[^]*\.)?[Xx][Nn]--[^]*", program)
    return program.both((_old_hostname(program), program.but(punycode)))


OLD_HOSTNAME = Format("hostname (RFC 1034)", _old_hostname)
"""What `hostname` is in the drafts 4 and 6: RFC 1034, section 3.1, which knows nothing of Punycode."""
HOSTNAME = Format("hostname", _hostname, f"labels that begin with xn-- are left out: {_A_LABEL}")
IDN_HOSTNAME = Format(
    "idn-hostname",
    idn_hostname,
    "left out are labels that begin with xn--, more than three labels if any isn't ASCII, characters that may combine "
    "with the one before, the non-joiner but after a virama, and labels that might be too long in Punycode",
)
