"""idn-hostname: labels of Unicode characters (RFC 5890 to 5893), as far as regular expressions go.

Which characters a label may have is derived as RFC 5892 derives it, from this Python's Unicode database; the rules for
characters in context (appendix A) and for labels that run from right to left (RFC 5893) are regular. Two things aren't,
and are made sure of by leaving strings out:

* Labels must be in normalization form C. Characters that may combine with the one before are left out, and so are two
  marks in a row: what remains is in that form.
* The label in Punycode must fit into 63 characters. A non-ASCII character takes up to 8 (its delta is below 8 digits in
  base 10, which is the worst that the thresholds allow), so a label of n characters, k of them non-ASCII, fits if
  5 + n - k + 8k <= 63: 3 of them among 37, or 7 among 9. And 20 characters of one block of 128 fit without ASCII:
  their deltas add up to 128 * 21 at most, and for a third digit one must be 286 or more.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from gcd.json_schema.builder import ProgramBuilder
from gcd.regex import charset
from gcd.regex.charset import CharSet

__all__ = ["idn_hostname"]

_LAST = 0x2FFFF
"""Code points beyond are left out: there are no letters but rare ideographs."""
_EXCEPTIONS_VALID = {0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007}
_EXCEPTIONS_INVALID = {0x640, 0x7FA, 0x302E, 0x302F, *range(0x3031, 0x3036), 0x303B}
_IGNORABLE = {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x3164, *range(0xFE00, 0xFE10), 0xFFA0}
_LEFT_OUT_BLOCKS = ((0x1100, 0x11FF), (0xA960, 0xA97F), (0xD7B0, 0xD7FF), (0x20D0, 0x20FF), (0x1D100, 0x1D24F))
_STABLE = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x20000, 0x2A6DF), (0x2A700, 0x2EBE0))
_MIDDLE_DOT, _KERAIA, _GERESH, _GERSHAYIM, _KATAKANA_DOT = 0xB7, 0x375, 0x5F3, 0x5F4, 0x30FB
_ARABIC_DIGITS = ((0x660, 0x669),)
_EXTENDED_DIGITS = ((0x6F0, 0x6F9),)
_JOINERS = ((0x200C, 0x200D),)
_IN_CONTEXT = {_MIDDLE_DOT, _KERAIA, _GERESH, _GERSHAYIM, _KATAKANA_DOT}
_GREEK = ((0x370, 0x377), (0x37B, 0x3E1), (0x3F0, 0x3FF), (0x1F00, 0x1FFE))
_HEBREW = ((0x5D0, 0x5EA), (0x5EF, 0x5F4))
_JAPANESE = ((0x3005, 0x3007), (0x3041, 0x3096), (0x309D, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), *_STABLE[:2])
_ASCII_LABEL = ((45, 45), (48, 57), (97, 122))
_DOTS = ((0x2E, 0x2E), (0x3002, 0x3002), (0xFF0E, 0xFF0E), (0xFF61, 0xFF61))


@cache
def _second_of_compositions() -> frozenset[int]:
    """Code points that may combine with the one before (NFC_Quick_Check is "maybe")."""
    found = set()
    for code in range(0xC0, _LAST):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and parts[0][0] != "<":
            found.add(int(parts[1], 16))
    return frozenset(found)


def _stable(code: int) -> bool:
    """RFC 5892, 2.2: normalization and case folding leave it alone."""
    char = chr(code)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", char).casefold()) == char


@cache
def _valid() -> CharSet:
    """Non-ASCII characters that a label may have anywhere but in context (RFC 5892, 3), and that never combine."""
    combining = _second_of_compositions()
    left_out = _EXCEPTIONS_INVALID | _IGNORABLE | combining | _IN_CONTEXT
    found = list(_STABLE)
    skipped = charset.normalize((*_STABLE, *_LEFT_OUT_BLOCKS, *_ARABIC_DIGITS, *_EXTENDED_DIGITS))
    for name in ("Ll", "Lo", "Lm", "Mn", "Mc", "Nd"):
        members = charset.general_category(name)
        assert members is not None
        for low, high in charset.intersection(members, charset.complement(skipped)):
            for code in range(max(low, 0x80), min(high, _LAST) + 1):
                if code not in left_out and _stable(code):
                    found.append((code, code))
    found += ((code, code) for code in _EXCEPTIONS_VALID)
    assigned = charset.complement(charset.general_category("Cn") or ())
    return charset.intersection(charset.normalize(found), assigned)


def _of_bidi(chars: CharSet, *classes: str) -> CharSet:
    """The characters whose bidirectional class is one of these."""
    return charset.normalize(
        (code, code)
        for low, high in chars
        for code in range(low, high + 1)
        if unicodedata.bidirectional(chr(code)) in classes
    )


def idn_hostname(program: ProgramBuilder) -> int:
    """Host names of ASCII labels, or of up to three labels some of which have non-ASCII characters."""
    chars, concat, any_text, but = program.chars, program.concat, program.ANY, program.but
    valid = _valid()
    special = charset.normalize((code, code) for code in _IN_CONTEXT)
    alphabet = charset.union(_ASCII_LABEL, valid, special, _ARABIC_DIGITS, _EXTENDED_DIGITS, _JOINERS)
    marks = charset.union(*(charset.general_category(name) or () for name in ("Mn", "Mc", "Me")))
    marked = charset.normalize(
        (code, code)
        for low, high in charset.intersection(valid, marks)
        for code in range(low, high + 1)
        if unicodedata.combining(chr(code))
    )
    viramas = charset.normalize((c, c) for low, high in marked for c in range(low, high + 1) if _is_virama(c))

    def within(middle: int) -> int:
        return concat((any_text, middle, any_text))

    def only_after(wanted: CharSet, before: CharSet) -> int:
        other = program.alt((program.EPS, concat((any_text, chars(charset.complement(before))))))
        return but(concat((other, chars(wanted), any_text)))

    def only_before(wanted: CharSet, after: CharSet) -> int:
        other = program.alt((program.EPS, concat((chars(charset.complement(after)), any_text))))
        return but(concat((any_text, chars(wanted), other)))

    letter_l = charset.singleton(ord("l"))
    in_context = (
        only_after(charset.singleton(_MIDDLE_DOT), letter_l),
        only_before(charset.singleton(_MIDDLE_DOT), letter_l),
        only_before(charset.singleton(_KERAIA), _GREEK),
        only_after(((_GERESH, _GERSHAYIM),), _HEBREW),
        only_after(_JOINERS, viramas),
        program.alt(
            (but(within(chars(charset.singleton(_KATAKANA_DOT)))), within(chars(charset.normalize(_JAPANESE))))
        ),
        but(program.both((within(chars(_ARABIC_DIGITS)), within(chars(_EXTENDED_DIGITS))))),
    )
    hyphen = chars(charset.singleton(ord("-")))
    two = program.repeat(program.any_char(), 2, 2)
    shape = (
        program.repeat(chars(alphabet), 1, 63),
        but(concat((program.alt((hyphen, chars(marks))), any_text))),
        but(concat((any_text, hyphen))),
        but(concat((two, hyphen, hyphen, any_text))),
        but(within(concat((chars(marked), chars(marked))))),
    )
    u_label = program.both((*shape, *in_context, _fits(program, alphabet)))
    ascii_label = program.both(
        (
            program.repeat(chars(charset.union(_ASCII_LABEL, ((65, 90),))), 1, 63),
            but(concat((hyphen, any_text))),
            but(concat((any_text, hyphen))),
            but(concat((two, hyphen, hyphen, any_text))),
        )
    )
    right_to_left = _of_bidi(alphabet, "R", "AL", "AN")
    label = program.alt((ascii_label, u_label))
    left = program.both((label, but(within(chars(right_to_left)))))
    either = program.both((label, _bidi_rule(program, alphabet)))
    return program.alt((_host(program, ascii_label, 1, 127, 253), _labels(program, left), _labels(program, either)))


def _is_virama(code: int) -> bool:
    return unicodedata.combining(chr(code)) == 9


def _host(program: ProgramBuilder, label: int, low: int, high: int, most: int) -> int:
    dot = program.chars(_DOTS)
    names = program.concat((label, program.repeat(program.concat((dot, label)), low - 1, high - 1)))
    return program.both((names, program.length(1, most)))


def _labels(program: ProgramBuilder, label: int) -> int:
    """Up to three labels: with 63 characters each, they are within 253 in all."""
    dot = program.chars(_DOTS)
    return program.concat((label, program.repeat(program.concat((dot, label)), 0, 2)))


def _fits(program: ProgramBuilder, alphabet: CharSet) -> int:
    """At least one non-ASCII character, and few enough for the label's Punycode."""
    wide = charset.intersection(alphabet, ((0x80, charset.MAX_CODE_POINT),))
    ascii_run = program.repeat(program.chars(_ASCII_LABEL), 0)
    one = program.concat((ascii_run, program.chars(wide)))

    def up_to(n_wide: int, n_all: int) -> int:
        some = program.concat((program.repeat(one, 1, n_wide), ascii_run))
        return program.both((some, program.length(1, n_all)))

    blocks = (charset.intersection(wide, ((begin, begin + 127),)) for begin in range(0x80, 0x2000, 0x80))
    of_one_block = (program.repeat(program.chars(block), 1, 20) for block in blocks if block)
    return program.alt((up_to(3, 37), up_to(7, 9), *of_one_block))


def _bidi_rule(program: ProgramBuilder, alphabet: CharSet) -> int:
    """RFC 5893, section 2, for a label of either direction."""
    chars = program.chars
    alphabet = charset.union(alphabet, ((65, 90),))
    neutral = _of_bidi(alphabet, "EN", "ES", "CS", "ET", "ON", "BN", "NSM")
    marks = program.repeat(chars(_of_bidi(alphabet, "NSM")), 0)

    def rule(first: CharSet, inside: CharSet, last: CharSet) -> int:
        ends = program.concat((program.ANY, chars(last), marks))
        body = program.repeat(chars(inside), 1)
        return program.both((program.concat((chars(first), program.ANY)), body, ends))

    left = _of_bidi(alphabet, "L")
    european, arabic = _of_bidi(alphabet, "EN"), _of_bidi(alphabet, "AN")
    right = _of_bidi(alphabet, "R", "AL")
    mixed = [program.concat((program.ANY, chars(digits), program.ANY)) for digits in (european, arabic)]
    return program.alt(
        (
            rule(left, charset.union(left, neutral), charset.union(left, european)),
            program.both(
                (
                    rule(right, charset.union(right, arabic, neutral), charset.union(right, european, arabic)),
                    program.but(program.both(mixed)),
                )
            ),
        )
    )
