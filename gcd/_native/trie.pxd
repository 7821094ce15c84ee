from libcpp.memory cimport shared_ptr

from gcd._native.cpp cimport ConstTokenTrie, TokenTrie as CppTokenTrie

cdef class TokenTrie:
    cdef shared_ptr[ConstTokenTrie] trie
