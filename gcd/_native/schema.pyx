# distutils: language = c++
"""A compiled JSON Schema: an automaton that is built as texts need it, and its masks over one token trie."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libcpp.memory cimport make_shared, shared_ptr
from libcpp.vector cimport vector

from gcd._native.cpp cimport LexemeStore as CppLexemeStore, SchemaCounts, SchemaEngine as CppSchemaEngine
from gcd._native.trie cimport TokenTrie

from weakref import WeakKeyDictionary

_MAX_LEXEME_STATES = 4_000_000


cdef class LexemeStore:
    """The expressions, numbers and rows that all schemas of one vocabulary share."""

    cdef shared_ptr[CppLexemeStore] store

    def __cinit__(self, TokenTrie trie):
        self.store.reset(new CppLexemeStore(trie.trie, _MAX_LEXEME_STATES))


_STORES = WeakKeyDictionary()


cdef LexemeStore store_of(TokenTrie trie):
    """The vocabulary's store; a new one where it has grown full (engines keep the one that they began with)."""
    cdef LexemeStore store = _STORES.get(trie)
    if store is None or store.store.get().full():
        store = _STORES[trie] = LexemeStore(trie)
    return store


cdef class SchemaEngine:
    def __init__(self, TokenTrie trie, bytes program, object eos_ids, object limits):
        cdef LexemeStore store = store_of(trie)
        cdef vector[uint32_t] eos = eos_ids
        cdef const uint8_t* data = program
        cdef size_t size = len(program)
        cdef CppSchemaEngine* raw
        cdef uint32_t most = min(limits.max_lexer_states * 10, 0x3FFFFFFF)
        cdef uint64_t memo = limits.memo_bytes
        self.trie = trie
        self.program = program
        self.eos_ids = tuple(eos_ids)
        with nogil:
            raw = new CppSchemaEngine(store.store, trie.trie, data, size, eos, most, memo)
            self.engine.reset(raw)

    def sections(self):
        return {"schema": self.program}

    def explore(self, uint32_t max_masks, double seconds):
        cdef uint64_t n
        cdef CppSchemaEngine* e = self.engine.get()
        with nogil:
            n = e.explore(max_masks, seconds)
        return n

    @property
    def exact(self):
        cdef CppSchemaEngine* e = self.engine.get()
        cdef bint exact
        with nogil:
            exact = e.exact()
        return exact

    @property
    def reason(self):
        return self.engine.get().reason().decode()

    @property
    def n_starts(self):
        return 1

    @property
    def n_terminals(self):
        return 11

    def start_alive(self, uint32_t i):
        return self.engine.get().satisfiable()

    def counts(self):
        cdef SchemaCounts c = self.engine.get().counts()
        return {
            "states": c.states,
            "frames": c.frames,
            "shapes": c.shapes,
            "formulas": c.formulas,
            "masks": c.masks,
            "mask_bytes": c.mask_bytes,
            "rows": c.rows,
            "row_bytes": c.row_bytes,
            "expressions": c.expressions,
        }
