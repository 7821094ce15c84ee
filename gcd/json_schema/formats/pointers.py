"""json-pointer (RFC 6901), relative-json-pointer (draft-handrews-relative-json-pointer-01), uuid (RFC 4122)."""

from __future__ import annotations

from gcd.json_schema.formats.format import from_pattern

__all__ = ["JSON_POINTER", "RELATIVE_JSON_POINTER", "UUID"]

_POINTER = "(?:/(?:[^/~]|~[01])*)*"
JSON_POINTER = from_pattern("json-pointer", _POINTER)
RELATIVE_JSON_POINTER = from_pattern("relative-json-pointer", rf"(?:0|[1-9]\d*)(?:#|{_POINTER})")

_HEX = "[0-9A-Fa-f]"
UUID = from_pattern("uuid", f"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}")
