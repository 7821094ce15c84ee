from libcpp.memory cimport shared_ptr

from gcd._native.cpp cimport SqlEngine as CppSqlEngine
from gcd._native.trie cimport TokenTrie

cdef class SqlEngine:
    cdef object __weakref__
    cdef shared_ptr[CppSqlEngine] engine
    cdef readonly TokenTrie trie
    cdef readonly bytes program
    cdef readonly tuple eos_ids
