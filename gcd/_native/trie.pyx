"""The token trie of a vocabulary."""

from libc.stdint cimport uint8_t, uint32_t
from libcpp.memory cimport shared_ptr
from libcpp.utility cimport move
from libcpp.vector cimport vector

from gcd._native.cpp cimport ConstTokenTrie, TokenTrie as CppTokenTrie


cdef class TokenTrie:
    def __init__(self, const uint8_t[::1] data, const uint32_t[::1] offsets, uint32_t width):
        cdef vector[uint8_t] bytes_
        cdef vector[uint32_t] offsets_
        if data.shape[0]:
            bytes_.assign(&data[0], &data[0] + data.shape[0])
        offsets_.assign(&offsets[0], &offsets[0] + offsets.shape[0])
        cdef CppTokenTrie* raw
        with nogil:
            raw = new CppTokenTrie(move(bytes_), move(offsets_), width)
        self.trie = shared_ptr[ConstTokenTrie](raw)

    @property
    def n_nodes(self):
        return self.trie.get().n_nodes()

    @property
    def byte_complete(self):
        return self.trie.get().byte_complete

    @property
    def words(self):
        return self.trie.get().words()

    @property
    def width(self):
        return self.trie.get().width
