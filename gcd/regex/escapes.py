r"""Escapes and sets, ``\d`` and ``[...]``: what names one character, a class of them, or a place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NoReturn

from gcd.regex import charset
from gcd.regex.ast import Assertion, Chars, Place
from gcd.regex.charset import CharSet
from gcd.regex.reader import ASCII, IGNORECASE, VERBOSE, Reader

__all__ = ["EscapeReader"]

_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
_PLACES = {"b": Place.WORD_EDGE, "B": Place.NO_WORD_EDGE, "A": Place.TEXT_START, "Z": Place.TEXT_END}
_HEX = {size: re.compile(f"[0-9a-fA-F]{{{size}}}") for size in (2, 4, 8)}
_SHORT_HEX = re.compile("[0-9a-fA-F]*")
_OCTAL = re.compile("[0-7]{1,3}")
_REGEX_MODULE_ESCAPES = {
    "G": "search anchor",
    "K": "match reset",
    "L": "named list",
    "M": "end of word",
    "R": "line break",
    "X": "grapheme",
    "g": "group reference",
    "h": "horizontal space",
    "m": "start of word",
}


class EscapeReader(Reader):
    """Reads what begins with a backslash, and sets."""

    __slots__ = ()

    # -- escapes ------------------------------------------------------------------------------

    def backreference(self, start: int, end: int) -> NoReturn:
        """Refuse one, however it is written."""
        self.unsupported(
            "backreference",
            "a backreference matches what a group matched, which no automaton remembers",
            start,
            end,
            "write out the texts that it can stand for, as alternatives",
        )

    def escape(self, at: int) -> int:
        """Read a backslash and what belongs to it, outside of a set."""
        pattern = self.pattern
        char = pattern[at + 1 : at + 2]
        if char == "":
            self.error("bad escape (end of pattern)", at, at + 1)
        end = at + 2
        ecma = self.dialect == "ecma"
        if char in "dswDSW":
            self.item(Chars(self.category(char), at, end, True))
            return end
        if char in "bB" or (char in "AZ" and not ecma):
            place = _PLACES[char]
            if char == "B" and self.dialect == "python":
                place = Place.NO_WORD_EDGE_IN_TEXT
            word = self.category("w") if char in "bB" else ()
            if word and self.engine == "regex" and self.flags & ASCII:
                self.unsupported("ASCII word edge", "the regex module's \\b under ASCII has rules of its own", at, end)
            self.group.items.append(Assertion(place, word, at, end))
            self.last = "at"
            return end
        if char in "pP" and self.dialect != "python":
            chars, end = self.property(at)
            self.item(Chars(chars, at, end, True))
            return end
        if char.isdigit() and char.isascii() and not (ecma and char == "0"):
            if char == "0":
                octal = _OCTAL.match(pattern, at + 1)
                assert octal is not None
                if self.flags & VERBOSE and self.dialect == "regex" and len(octal.group()) < 3:
                    blanks = self.skip.match(pattern, octal.end())
                    if blanks and pattern[blanks.end() : blanks.end() + 1] in set("01234567"):
                        cause = "the regex module skips blanks in an octal escape; re doesn't"
                        self.unsupported("blanks in an escape", cause, at, blanks.end() + 1, "three digits")
                self.literal(chr(int(octal.group(), 8)), at, octal.end())
                return octal.end()
            octal = _OCTAL.match(pattern, at + 1)
            if octal is not None and len(octal.group()) == 3 and not ecma:
                value = int(octal.group(), 8)
                if value > 0o377:
                    self.error(f"octal escape value \\{octal.group()} outside of range 0-0o377", at, octal.end())
                self.literal(chr(value), at, octal.end())
                return octal.end()
            end += pattern[end : end + 1] in set("0123456789")
            number = int(pattern[at + 1 : end])
            if number > self.n_groups and not ecma:
                self.error(f"invalid group reference {number}", at, end)
            self.backreference(at, end)
        if ecma and char == "k":
            self.backreference(at, end)
        code, end = self.char_escape(at)
        self.literal(chr(code), at, end)
        return end

    def category(self, letter: str) -> CharSet:
        """The characters of ``\\d`` and the like."""
        if self.dialect != "ecma":
            return charset.category(letter, bool(self.flags & ASCII), self.engine)
        chars = charset.ECMA_SPACE if letter in "sS" else charset.category(letter.lower(), True)
        return charset.complement(chars) if letter.isupper() else chars

    def char_escape(self, at: int) -> tuple[int, int]:
        """The code point of an escape for one character, in or out of a set, and where the escape ends."""
        pattern = self.pattern
        char = pattern[at + 1]
        end = at + 2
        ecma = self.dialect == "ecma"
        if ecma:
            if char == "c" and pattern[end : end + 1].isalpha() and pattern[end].isascii():
                return ord(pattern[end]) & 31, end + 1
            if char == "0" and not pattern[end : end + 1].isdigit():
                return 0, end
            if char == "u" and pattern.startswith("{", end):
                close = pattern.find("}", end)
                digits = pattern[end + 1 : close]
                if close < 0 or not digits or _SHORT_HEX.fullmatch(digits) is None or int(digits, 16) > 0x10FFFF:
                    self.error("bad \\u{...} escape", at, max(close + 1, end))
                return int(digits, 16), close + 1
        if char in _ESCAPES and not (ecma and char == "a"):
            return _ESCAPES[char], end
        size = {"x": 2, "u": 4, "U": 8}.get(char, 0) if not (ecma and char == "U") else 0
        if size:
            digits_match = _HEX[size].match(pattern, end)
            if digits_match is None:
                short = _SHORT_HEX.match(pattern, end)
                stop = min(short.end() if short else end, end + size)
                self.error(f"incomplete escape {pattern[at:stop]}", at, stop)
            end += size
            code = int(digits_match.group(), 16)
            if code > 0x10FFFF:
                self.error(f"bad escape {pattern[at:end]}", at, end)
            if ecma and 0xD800 <= code < 0xDC00 and pattern.startswith("\\u", end):  # a surrogate pair
                low = _HEX[4].match(pattern, end + 2)
                if low and 0xDC00 <= int(low.group(), 16) < 0xE000:
                    return 0x10000 + (code - 0xD800) * 0x400 + int(low.group(), 16) - 0xDC00, end + 6
            return code, end
        if char == "N" and not ecma:
            return self.named_char(at)
        if self.dialect == "regex" and char in _REGEX_MODULE_ESCAPES:
            construct = _REGEX_MODULE_ESCAPES[char]
            self.unsupported(construct, f"\\{char}: the regex module's {construct} is not supported", at, end)
        if (char.isalpha() or char.isdigit()) and char.isascii():
            remedy = 'dialect="regex"' if char in "pP" and self.dialect == "python" else None
            self.error(f"bad escape \\{char}", at, end, remedy)
        return ord(char), end

    def named_char(self, at: int) -> tuple[int, int]:
        """Read ``\\N{name}``."""
        close = self.pattern.find("}", at)
        if not self.pattern.startswith("{", at + 2):
            self.error("missing {", at, at + 2)
        if close < 0:
            self.error("missing }, unterminated name", at, at + 3)
        name = self.pattern[at + 3 : close]
        try:
            return ord(unicodedata.lookup(name)), close + 1
        except (KeyError, TypeError):  # TypeError: a named sequence of several characters
            self.error(f"undefined character name {name!r}" if name else "missing character name", at, close + 1)

    def property(self, at: int) -> tuple[CharSet, int]:
        r"""Read ``\p{..}``, ``\P{..}``, ``\p{^..}`` or ``\pL``."""
        pattern = self.pattern
        close = pattern.find("}", at)
        negate = pattern[at + 1] == "P"
        if pattern.startswith("{", at + 2) and close > 0:
            text, end = pattern[at + 3 : close], close + 1
        elif self.dialect == "regex" and pattern[at + 2 : at + 3].isalpha():
            text, end = pattern[at + 2], at + 3
        else:
            self.error(f"bad escape {pattern[at : at + 2]}, expected {{", at, at + 2)
        if self.dialect == "regex" and text.startswith("^"):
            negate, text = not negate, text[1:]
        chars = charset.unicode_property(text, self.engine)
        if chars is None and self.dialect == "ecma":
            chars = charset.ecma_property(text)
        if chars is None:
            self.unsupported(
                "Unicode property",
                f"the property {text!r} is not a general category (nor Any, ASCII, Assigned)",
                at,
                end,
                "a general category such as L, Lu, Nd, or a set of ranges"
                + ("; scripts need the regex module (pip install regex)" if self.dialect == "ecma" else ""),
            )
        if self.flags & IGNORECASE:
            self.unsupported("Unicode property", f"{pattern[at:end]} under IGNORECASE is not supported", at, end)
        return (charset.complement(chars) if negate else chars), end

    # -- sets ---------------------------------------------------------------------------------

    def set(self, at: int) -> int:
        """Read ``[...]``."""
        pattern = self.pattern
        ecma = self.dialect == "ecma"
        end = at + 1
        negate = pattern.startswith("^", end)
        end += negate
        ranges: list[tuple[int, int]] = []
        categories: list[str] = []
        others: list[CharSet] = []
        only_char = True
        first = not ecma  # a bracket that comes first is text
        while True:
            char = pattern[end : end + 1]
            if char == "":
                self.error("unterminated character set", at, at + 1)
            if char == "]" and not first:
                end += 1
                break
            first = False
            if self.dialect == "regex" and pattern.startswith("[:", end) and ":]" in pattern[end:]:
                self.unsupported("POSIX class", "POSIX classes are not supported", end, end + 2)
            begin = end
            low, end = self.set_item(end, categories, others)
            ranged = pattern.startswith("-", end) and not pattern.startswith("-]", end)
            if ranged and not (low is None and self.dialect == "regex"):  # there a class ends before the hyphen
                if pattern[end + 1 : end + 2] == "":
                    self.error("unterminated character set", at, at + 1)
                high, end = self.set_item(end + 1, categories, others)
                if low is not None and high is not None and low <= high:
                    ranges.append((low, high))
                elif self.dialect != "python" and (low is None or high is None):  # a class: the hyphen is text
                    ranges += [(c, c) for c in (low, 45, high) if c is not None]
                else:
                    self.error(f"bad character range {pattern[begin:end]}", begin, end)
                only_char = False
            elif low is not None:
                ranges.append((low, low))
        if only_char and not categories and not others and len(set(ranges)) == 1 and not negate:
            self.literal(chr(ranges[0][0]), at, end)
            return end
        self.item(Chars(self.set_chars(ranges, categories, others, only_char, negate), at, end, not negate))
        return end

    def set_chars(
        self,
        ranges: list[tuple[int, int]],
        categories: list[str],
        others: Sequence[CharSet],
        only_char: bool,
        negate: bool,
    ) -> CharSet:
        """The set that the items of ``[...]`` make."""
        flags = self.flags
        ascii_only = bool(flags & ASCII)
        if flags & IGNORECASE:
            if only_char and not categories and len(set(ranges)) == 1:
                chars = charset.fold_char(chr(ranges[0][0]), ascii_only, self.engine)  # CPython takes [^x] for "not x"
            else:
                chars = charset.fold_set(ranges, categories, ascii_only, self.engine)
        else:
            chars = charset.normalize(ranges)
            if categories:
                chars = charset.union(
                    chars, *(charset.category(letter, ascii_only, self.engine) for letter in categories)
                )
        if others:
            chars = charset.union(chars, *others)
        return charset.complement(chars) if negate else chars

    def set_item(self, at: int, categories: list[str], others: list[CharSet]) -> tuple[int | None, int]:
        """Read one character or class of a set: its code point (None for a class, which is filed) and its end."""
        pattern = self.pattern
        char = pattern[at]
        if char != "\\":
            return ord(char), at + 1
        char = pattern[at + 1 : at + 2]
        if char == "":
            self.error("bad escape (end of pattern)", at, at + 1)
        if char in "dswDSW":
            if self.dialect == "ecma":
                others.append(self.category(char))
            else:
                categories.append(char)
            return None, at + 2
        if char in "pP" and self.dialect != "python":
            chars, end = self.property(at)
            others.append(chars)
            return None, end
        if char.isdigit() and char.isascii() and self.dialect != "ecma":
            octal = _OCTAL.match(pattern, at + 1)
            if octal is None:
                self.error(f"bad escape \\{char}", at, at + 2)
            if int(octal.group(), 8) > 0o377:
                self.error(f"octal escape value \\{octal.group()} outside of range 0-0o377", at, octal.end())
            return int(octal.group(), 8), octal.end()
        return self.char_escape(at)
