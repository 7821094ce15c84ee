"""The formats of the specification (JSON Schema Validation, draft 2020-12, section 7.3) as regular expressions.

Each is the grammar of the RFC that the specification names, calendars and leap years included. Where a format isn't
regular, or has no sensible automaton, some of its strings are left out, never any let in, and `Format.tightened` says
which. A format of an earlier draft that a later one kept means the same in all drafts, but for
`hostname`, which is Punycode's business from draft 7 on.
"""

from collections.abc import Mapping
from types import MappingProxyType

from gcd.json_schema.formats.format import Format
from gcd.json_schema.formats.mail import EMAIL, IDN_EMAIL
from gcd.json_schema.formats.network import HOSTNAME, IDN_HOSTNAME, IPV4, IPV6, OLD_HOSTNAME
from gcd.json_schema.formats.pointers import JSON_POINTER, RELATIVE_JSON_POINTER, UUID
from gcd.json_schema.formats.regex import REGEX
from gcd.json_schema.formats.resource import IRI, IRI_REFERENCE, URI, URI_REFERENCE, URI_TEMPLATE
from gcd.json_schema.formats.times import DATE, DATE_TIME, DURATION, TIME

__all__ = ["FORMATS", "OLD_HOSTNAME", "Format"]

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        f.name: f
        for f in (
            *(DATE_TIME, DATE, TIME, DURATION),
            *(EMAIL, IDN_EMAIL),
            *(HOSTNAME, IDN_HOSTNAME, IPV4, IPV6),
            *(URI, URI_REFERENCE, IRI, IRI_REFERENCE, URI_TEMPLATE),
            *(UUID, JSON_POINTER, RELATIVE_JSON_POINTER, REGEX),
        )
    }
)
"""By name."""
