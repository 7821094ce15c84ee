from libcpp.memory cimport shared_ptr

from gcd._native.cpp cimport Engine as CppEngine
from gcd._native.trie cimport TokenTrie

cdef class Engine:
    cdef shared_ptr[CppEngine] engine
    cdef readonly TokenTrie trie
    cdef object owner  # keeps the sections alive that the tables lie in
