"""The token trie of a vocabulary."""

from libc.stdint cimport uint8_t, uint32_t
from libcpp.memory cimport shared_ptr, unique_ptr
from libcpp.utility cimport move
from libcpp.vector cimport vector

from gcd._native.cpp cimport ConstTokenTrie, MAX_TOKEN_BYTES, Reader, TokenTrie as CppTokenTrie, Writer, section_checksum

from gcd.errors import TokenizerError


cdef class TokenTrie:
    def __init__(self, const uint8_t[::1] data not None, const uint32_t[::1] offsets not None, uint32_t width):
        cdef vector[uint8_t] bytes_
        cdef vector[uint32_t] offsets_
        if data.shape[0]:
            bytes_.assign(&data[0], &data[0] + data.shape[0])
        if offsets.shape[0]:
            offsets_.assign(&offsets[0], &offsets[0] + offsets.shape[0])
        cdef CppTokenTrie* raw
        cdef Py_ssize_t t
        for t in range(offsets.shape[0] - 1):
            if offsets[t + 1] > offsets[t] and offsets[t + 1] - offsets[t] > MAX_TOKEN_BYTES:
                raise TokenizerError(
                    f"a token of {offsets[t + 1] - offsets[t]:,} bytes is over the limit of {MAX_TOKEN_BYTES:,}",
                    place=f"token {t}",
                    token_id=t,
                    remedy="forbid it: Vocabulary.from_pretrained(..., forbid_ids=[...])",
                )
        with nogil:
            raw = new CppTokenTrie(move(bytes_), move(offsets_), width)
        self.trie = shared_ptr[ConstTokenTrie](raw)

    @staticmethod
    def from_section(const uint8_t[::1] section not None):
        cdef TokenTrie self = TokenTrie.__new__(TokenTrie)
        cdef CppTokenTrie* raw
        cdef unique_ptr[Reader] r
        r.reset(new Reader(&section[0] if section.shape[0] else NULL, section.shape[0]))
        with nogil:
            raw = new CppTokenTrie(r.get()[0])
        self.trie = shared_ptr[ConstTokenTrie](raw)
        self.owner = section
        return self

    def section(self):
        cdef Writer w
        self.trie.get().save(w)
        return bytes(<uint8_t[:w.out.size()]>w.out.data())

    def packed(self):
        """All tokens' bytes one after another, and where each token starts (as `Vocabulary.packed`)."""
        cdef const CppTokenTrie* t = self.trie.get()
        cdef size_t n = t.bytes.size(), m = t.offsets.size()
        return bytes((<uint8_t[:n]><uint8_t*>t.bytes.data())) if n else b"", memoryview(bytes(<uint8_t[: m * 4]><uint8_t*>t.offsets.data())).cast("I")

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


def checksum(const uint8_t[::1] data not None):
    """64-bit checksum of an artefact's section."""
    if data.shape[0] == 0:
        return section_checksum(NULL, 0)
    return section_checksum(&data[0], data.shape[0])
