from libc.stdint cimport uint32_t

cdef uint32_t* bitmask_row(object bitmask, Py_ssize_t row, uint32_t words, Py_buffer* view) except NULL
