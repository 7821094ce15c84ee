# distutils: language = c++
"""Matchers: one sequence's position in a compiled grammar."""

from cpython.buffer cimport PyBuffer_Release
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libcpp cimport bool as cbool
from libcpp.memory cimport make_unique, unique_ptr
from libcpp.utility cimport move
from libcpp.vector cimport vector

from gcd._native.bitmask cimport bitmask_row
from gcd._native.cpp cimport (
    BatchRow,
    Bits,
    BudgetedMatcher,
    ComposedMatcher as CppComposedMatcher,
    Matcher as CppMatcher,
    SchemaMatcher as CppSchemaMatcher,
    SqlMatcher as CppSqlMatcher,
    TextMatcher,
    TokenTrie as CppTokenTrie,
    bits_get,
    fill_batch,
)
from gcd._native.composition cimport ComposedEngine
from gcd._native.engine cimport Engine
from gcd._native.schema cimport SchemaEngine
from gcd._native.sql cimport SqlEngine
from gcd._native.trie cimport TokenTrie

import os

from gcd.errors import MatcherError

cdef extern from "Python.h":
    # A number, or anything with __index__ (NumPy's and torch's numbers); with NULL, one that doesn't fit is cut to the
    # nearest that does. No number at all: a TypeError.
    Py_ssize_t PyNumber_AsSsize_t(object, void*) except? -1


cdef class Matcher:
    """One sequence's position in a compiled grammar. Not to be shared between threads."""

    cdef unique_ptr[TextMatcher] m
    cdef readonly object engine
    cdef readonly object info
    cdef TokenTrie trie
    cdef uint32_t width
    cdef uint32_t words
    cdef cbool budgeted

    def __cinit__(self, object engine, uint32_t start=0, object info=None, object max_tokens=None):
        if start >= engine.n_starts:
            raise ValueError(f"no start symbol number {start}; this grammar has {engine.n_starts}")
        self.engine = engine
        self.info = info
        self.trie = engine.trie
        self.width = self.trie.trie.get().width
        self.words = self.trie.trie.get().words()
        if isinstance(engine, SchemaEngine):
            self.m.reset(new CppSchemaMatcher((<SchemaEngine>engine).engine))
        elif isinstance(engine, ComposedEngine):
            self.m.reset(new CppComposedMatcher((<ComposedEngine>engine).composition))
        elif isinstance(engine, SqlEngine):
            self.m.reset(new CppSqlMatcher((<SqlEngine>engine).engine))
        else:
            self.m.reset(new CppMatcher((<Engine?>engine).engine, start))
        self.budgeted = False
        if max_tokens is not None:
            self._begin_budget(PyNumber_AsSsize_t(max_tokens, NULL))

    cdef int _begin_budget(self, Py_ssize_t most) except -1:
        cdef unique_ptr[TextMatcher] inner
        if not 1 <= most <= 0x7FFFFFFF:
            raise ValueError(f"max_tokens={most}: a text takes at least the end-of-sequence token")
        inner = move(self.m)
        self.m.reset(new BudgetedMatcher(move(inner), <uint32_t>most))
        self.budgeted = True
        return 0

    cdef Py_ssize_t _id(self, object token) except -1:
        cdef Py_ssize_t i = PyNumber_AsSsize_t(token, NULL)
        if not 0 <= i < self.width:
            raise MatcherError(
                f"token id {token} is out of range",
                remedy=f"ids of this vocabulary are 0..{self.width - 1}",
            )
        return i

    cdef int _check_open(self) except -1:
        if self.m.get().finished():
            raise MatcherError(
                "the sequence has ended: an end-of-sequence token was accepted",
                remedy="reset() or rollback(1) first, or ask is_finished",
            )
        return 0

    def accept(self, token):
        cdef Py_ssize_t i = self._id(token)
        self._check_open()
        return self.m.get().accept(<uint32_t>i)

    def check(self, token):
        cdef Py_ssize_t i = self._id(token)
        return self.m.get().check(<uint32_t>i)

    def accept_tokens(self, tokens):
        cdef uint32_t n = 0
        cdef Py_ssize_t i
        for token in tokens:
            i = self._id(token)
            if self.m.get().finished() or not self.m.get().accept(<uint32_t>i):
                break
            n += 1
        return n

    def validate(self, tokens):
        cdef uint32_t n = 0
        cdef uint32_t before = self.m.get().n_accepted()
        try:
            n = self.accept_tokens(tokens)
        finally:
            self.m.get().rollback(self.m.get().n_accepted() - before)
        return n

    def accept_bytes(self, const uint8_t[::1] data not None):
        self._check_open()
        if data.shape[0] == 0:
            return self.m.get().accept_bytes(NULL, 0)
        return self.m.get().accept_bytes(&data[0], <uint32_t>data.shape[0])

    def viable_bytes(self, const uint8_t[::1] data not None):
        if data.shape[0] == 0:
            return 0
        return self.m.get().viable_bytes(&data[0], <uint32_t>data.shape[0])

    def rollback(self, n):
        cdef Py_ssize_t steps = PyNumber_AsSsize_t(n, NULL)
        if not 0 <= steps <= self.m.get().n_accepted():
            raise MatcherError(
                f"cannot roll back {n} steps: {self.m.get().n_accepted()} were accepted",
                remedy="roll back at most n_accepted steps",
            )
        self.m.get().rollback(<uint32_t>steps)

    def reset(self):
        self.m.get().reset()

    def fork(self):
        cdef Matcher other = Matcher.__new__(Matcher, self.engine, 0, self.info)
        other.m = self.m.get().clone()
        other.budgeted = self.budgeted
        return other

    def token_bytes(self, token):
        """The token's bytes; empty if it is no text."""
        cdef uint32_t i = <uint32_t>self._id(token)
        cdef const CppTokenTrie* t = self.trie.trie.get()
        cdef uint32_t at = t.offsets.data()[i], n = t.token_size(i)
        return (<const char*>t.bytes.data())[at : at + n]

    def expected(self):
        """(ids of terminals whose lexeme the text is inside of, ids of terminals that may come next)."""
        cdef Bits inside, following
        cdef uint32_t t
        self.m.get().expected(inside, following)
        n = self.engine.n_terminals
        return [t for t in range(n) if bits_get(inside, t)], [t for t in range(n) if bits_get(following, t)]

    def explain(self, token):
        """Why a token may or may not come next, see `gcd.explain.Explanation`."""
        from gcd.explain import explain_token

        return explain_token(self, token)

    def forced_bytes(self, uint32_t most=4096):
        """Bytes that every continuation begins with; none where the text may end."""
        cdef vector[uint8_t] out = self.m.get().forced_bytes(most)
        return bytes(out)

    def forced_tokens(self, uint32_t most=4096):
        """Tokens for the forced bytes, held back from where longer text could turn out to have a longer token."""
        return list(self.m.get().forced_tokens(most))

    @property
    def readings(self):
        """(parser state, lexer state) of every reading of the text that is still alive, as ids of this engine."""
        cdef size_t i
        cdef CppMatcher* m = <CppMatcher*>self.m.get()
        if not isinstance(self.engine, Engine):
            return []
        if self.budgeted:
            m = <CppMatcher*>&(<BudgetedMatcher*>self.m.get()).inner()
        return [
            (m.readings()[i].syntax, m.readings()[i].lexer)
            for i in range(m.readings().size())
        ]

    def completion(self):
        """Tokens that bring the text to its end, the fewest that were found; None if none were."""
        cdef vector[uint32_t] out
        self._check_open()
        return list(out) if self.m.get().completion(out, 0) else None

    @property
    def max_tokens(self):
        return (<BudgetedMatcher*>self.m.get()).budget() if self.budgeted else None

    @property
    def tokens_left(self):
        return (<BudgetedMatcher*>self.m.get()).left() if self.budgeted else None

    @property
    def n_accepted(self):
        return self.m.get().n_accepted()

    @property
    def is_complete(self):
        return self.m.get().complete()

    @property
    def is_finished(self):
        return self.m.get().finished()

    @property
    def is_dead(self):
        return self.m.get().dead()

    def fill_bitmask(self, object bitmask, Py_ssize_t row=0):
        cdef Py_buffer view
        cdef TextMatcher* m = self.m.get()
        cdef uint32_t* out = bitmask_row(bitmask, row, self.words, &view)
        try:
            with nogil:
                m.fill(out)
        finally:
            PyBuffer_Release(&view)


def fill_bitmasks(matchers, bitmask, uint32_t threads=0):
    """Write the masks of a batch: row i gets that of ``matchers[i]``; None leaves its row as it is.

    Masks that are known are copied, the others worked out by native threads without the GIL (`threads`: how many at
    most, default one for each processor). The matchers must be of one vocabulary, and no two the same.
    """
    cdef vector[BatchRow] batch
    cdef vector[Py_buffer] views
    cdef Py_buffer view
    cdef BatchRow item
    cdef Matcher m
    cdef size_t k
    cdef uint32_t n = threads if threads else (os.cpu_count() or 1)
    matchers = list(matchers)
    if len({id(x) for x in matchers if x is not None}) != sum(x is not None for x in matchers):
        raise ValueError("a matcher stands in the batch twice")
    try:
        for i, x in enumerate(matchers):
            if x is None:
                continue
            m = x
            item.matcher = m.m.get()
            item.out = bitmask_row(bitmask, i, m.words, &view)
            item.tables = <const void*>m.engine
            views.push_back(view)
            batch.push_back(item)
        with nogil:
            fill_batch(batch, n)
    finally:
        for k in range(views.size()):
            PyBuffer_Release(&views[k])


def accept_each(matchers, const int64_t[:] tokens not None):
    """Move each of several matchers over a token of its own; the indices of those that refuse it, unchanged.

    None stands for nothing to move, as does a matcher whose sequence has ended. A token out of range is refused.
    """
    cdef Py_ssize_t i
    cdef int64_t token
    cdef Matcher m
    if len(matchers) != tokens.shape[0]:
        raise ValueError(f"{len(matchers)} matchers and {tokens.shape[0]} tokens")
    refused = []
    for i, x in enumerate(matchers):
        if x is None:
            continue
        m = x
        if m.m.get().finished():
            continue
        token = tokens[i]
        if not (0 <= token < m.width and m.m.get().accept(<uint32_t>token)):
            refused.append(i)
    return refused
