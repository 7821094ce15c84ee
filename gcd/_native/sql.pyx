# distutils: language = c++
"""A database's statements, compiled: an automaton that is built as texts need it, and its masks over one token trie."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libcpp.vector cimport vector

from gcd._native.cpp cimport SqlCounts, SqlEngine as CppSqlEngine
from gcd._native.trie cimport TokenTrie


cdef class SqlEngine:
    def __init__(self, TokenTrie trie, bytes program, object eos_ids, object limits):
        cdef vector[uint32_t] eos = eos_ids
        cdef const uint8_t* data = program
        cdef size_t size = len(program)
        cdef CppSqlEngine* raw
        cdef uint32_t most = min(limits.max_lexer_states * 10, 0x00FFFFFF)
        cdef uint64_t memo = limits.memo_bytes
        self.trie = trie
        self.program = program
        self.eos_ids = tuple(eos_ids)
        with nogil:
            raw = new CppSqlEngine(trie.trie, data, size, eos, most, memo)
            self.engine.reset(raw)

    def sections(self):
        return {"sql": self.program}

    def explore(self, uint32_t max_masks, double seconds):
        cdef uint64_t n
        cdef CppSqlEngine* e = self.engine.get()
        with nogil:
            n = e.explore(max_masks, seconds)
        return n

    @property
    def exact(self):
        return self.engine.get().reason().empty()

    @property
    def reason(self):
        return self.engine.get().reason().decode()

    @property
    def n_starts(self):
        return 1

    @property
    def n_terminals(self):
        return 7

    def start_alive(self, uint32_t i):
        return self.engine.get().satisfiable()

    def counts(self):
        cdef SqlCounts c = self.engine.get().counts()
        return {
            "states": c.states,
            "parses": c.parses,
            "scopes": c.scopes,
            "masks": c.masks,
            "mask_bytes": c.mask_bytes,
            "row_bytes": c.row_bytes,
            "unsettled": c.unsettled,
            "generation": c.generation,
        }
