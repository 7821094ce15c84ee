from libcpp.memory cimport shared_ptr

from gcd._native.cpp cimport ConstTokenTrie, TokenTrie as CppTokenTrie

cdef class TokenTrie:
    cdef object __weakref__
    cdef shared_ptr[ConstTokenTrie] trie
    cdef object owner  # keeps the section alive that the arrays lie in
