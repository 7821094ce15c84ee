"""Turns the core's exceptions into gcd's."""

from libc.stdint cimport uint64_t
from libcpp.string cimport string

from gcd.errors import ArtifactError, GrammarError, LimitError, TokenBudgetError

cdef extern from "current_error.hpp" namespace "gcd":
    int current_error(string&, uint64_t&)


LIMITS = {0: "max_lexer_states", 1: "memo_bytes", 2: "seconds", 3: "max_rows", 8: "max_parser_states"}
"""Fields of `gcd.Limits`, by the core's ErrorKind."""


cdef int raise_core_error() except -1 with gil:
    cdef string what
    cdef uint64_t value = 0
    cdef int kind = current_error(what, value)
    text = what.decode("utf-8", "replace")
    if kind == -1:
        raise MemoryError(text)
    if kind in LIMITS:
        error = LimitError(f"{text} ({value:,})", remedy=f"a simpler grammar, or gcd.Limits({LIMITS[kind]}=...)")
        error.limit, error.reached = LIMITS[kind], value
        raise error
    if kind == 5:
        raise ArtifactError(text)
    if kind == 4:
        raise GrammarError(f"{text} ({value})")
    if kind == 7:
        error = TokenBudgetError(f"{text}: {value}", remedy=f"max_tokens={value} suffices, the end-of-sequence token included")
        error.needed = value
        raise error
    raise RuntimeError(text)
