from libc.stdint cimport uint32_t
from libcpp.memory cimport shared_ptr

from gcd._native.cpp cimport Composition
from gcd._native.trie cimport TokenTrie

cdef class ComposedEngine:
    cdef shared_ptr[Composition] composition
    cdef readonly TokenTrie trie
    cdef readonly tuple parts
    cdef readonly tuple eos_ids
    cdef readonly uint32_t n_terminals
