from libcpp.memory cimport shared_ptr

from gcd._native.cpp cimport SchemaEngine as CppSchemaEngine
from gcd._native.trie cimport TokenTrie

cdef class SchemaEngine:
    cdef object __weakref__
    cdef shared_ptr[CppSchemaEngine] engine
    cdef readonly TokenTrie trie
    cdef readonly bytes program
    cdef readonly tuple eos_ids
