cdef int raise_core_error() except -1 with gil
