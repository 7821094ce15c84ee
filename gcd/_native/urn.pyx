"""Drawing tokens without replacement from a row of log-probabilities."""

from cython cimport floating
from libc.math cimport INFINITY, exp, floor, isnan, log, log1p
from libc.stdint cimport uint32_t
from libcpp.memory cimport unique_ptr

from gcd.errors import ModelError

import numpy as np

cdef extern from "urn.hpp" namespace "gcd" nogil:
    cdef cppclass CppUrn "gcd::Urn" [T]:
        CppUrn(uint32_t) except +
        T* weights()
        void put_back()
        void build()
        double total()
        uint32_t draw(double)
        void take_out(uint32_t)
        void restrict_to(const uint32_t*, size_t)
        double largest(const T*)

cdef uint32_t NONE = 0xFFFFFFFF
cdef double MOST_MISSES = 9e15


cdef class Urn:
    cdef unique_ptr[CppUrn[float]] single
    cdef unique_ptr[CppUrn[double]] double_
    cdef readonly uint32_t width
    cdef bint is_double
    cdef object row          # numpy array: what was filled in
    cdef object weights32    # numpy view of the native weights; made with the native object, dies with this one
    cdef object weights64
    cdef double shift        # weights are exp(row - shift)
    cdef double log_filled   # log of the sum of exp(row), everything in
    cdef double tiny         # below this total, weights begin to lose digits, and are scaled up

    def __cinit__(self, width):
        if isinstance(width, bool) or not isinstance(width, int):
            raise TypeError(f"width must be an int, not {width!r}")
        if not 1 <= width < NONE:
            raise ValueError(f"width must be at least 1, not {width}")
        self.width = width
        self.row = None

    def fill(self, row not None):
        if not isinstance(row, np.ndarray) or row.ndim != 1 or row.dtype not in (np.float32, np.float64):
            raise TypeError("log-probabilities must be a numpy vector of float32 or float64")
        if row.shape[0] != self.width:
            raise ValueError(f"{row.shape[0]} log-probabilities for an urn of width {self.width}")
        self.row = None
        row = np.ascontiguousarray(row)
        self.is_double = row.dtype == np.float64
        if self.is_double:
            if not self.double_:
                self.double_.reset(new CppUrn[double](self.width))
                self.weights64 = np.asarray(<double[:self.width]>self.double_.get().weights())
            self.double_.get().put_back()
            self.tiny = 1e-280
        else:
            if not self.single:
                self.single.reset(new CppUrn[float](self.width))
                self.weights32 = np.asarray(<float[:self.width]>self.single.get().weights())
            self.single.get().put_back()
            self.tiny = 1e-28
        self.row = row
        self.shift = 0
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            np.exp(row, out=self.weights64 if self.is_double else self.weights32)
        self._build()
        cdef double total = self._total()
        if not (self.tiny <= total < INFINITY):
            try:
                self._scale()
            except ModelError:
                self.row = None
                raise
        self.log_filled = self.log_mass

    cdef void _build(self) noexcept:
        with nogil:
            if self.is_double:
                self.double_.get().build()
            else:
                self.single.get().build()

    cdef double _total(self) noexcept:
        return self.double_.get().total() if self.is_double else self.single.get().total()

    cdef int _scale(self) except -1:
        """Write the weights anew, so that the largest that is left is 1."""
        cdef double top
        cdef const double[::1] row64
        cdef const float[::1] row32
        if self.is_double:
            row64 = self.row
            top = self.double_.get().largest(&row64[0])
        else:
            row32 = self.row
            top = self.single.get().largest(&row32[0])
        if isnan(top) or top == INFINITY:
            token = int(np.flatnonzero(~(self.row < np.inf))[0])
            raise ModelError(f"the log-probability of token {token} is {self.row[token]}")
        if top == -INFINITY:
            if self.shift == 0 and not np.any(self.row > -np.inf):
                raise ModelError("every token has probability 0")
            return 0  # nothing is left: the total is 0, or all that has weight was taken out
        self.shift = top
        with np.errstate(under="ignore", over="ignore"):  # tokens that were taken out may be larger
            np.exp(self.row - self.row.dtype.type(top), out=self.weights64 if self.is_double else self.weights32)
        self._build()
        return 0

    cdef int _need(self) except -1:
        if self.row is None:
            raise ValueError("the urn is empty: fill it first")
        return 0

    def draw(self, double u):
        self._need()
        cdef uint32_t token
        if not 0 <= u < 1:
            raise ValueError(f"u must be in [0, 1), not {u}")
        token = self.double_.get().draw(u) if self.is_double else self.single.get().draw(u)
        return -1 if token == NONE else token

    def remove(self, Py_ssize_t token):
        self._need()
        if not 0 <= token < self.width:
            raise IndexError(f"token {token} is not in range({self.width})")
        cdef uint32_t t = <uint32_t>token
        if self.is_double:
            self.double_.get().take_out(t)
        else:
            self.single.get().take_out(t)
        if self._total() < self.tiny:
            self._scale()

    def restrict(self, words not None):
        self._need()
        cdef const int[::1] view = words
        if view.shape[0] == 0:
            raise ValueError("a mask of no words")
        with nogil:
            if self.is_double:
                self.double_.get().restrict_to(<const uint32_t*>&view[0], view.shape[0])
            else:
                self.single.get().restrict_to(<const uint32_t*>&view[0], view.shape[0])
        if self._total() < self.tiny:
            self._scale()

    @property
    def log_mass(self):
        self._need()
        cdef double total = self._total()
        return self.shift + log(total) if total > 0 else -INFINITY

    def log_share(self):
        self._need()
        return self._log_share()

    cdef double _log_share(self) noexcept:
        cdef double total = self._total(), share
        if not total > 0:
            return -INFINITY
        share = self.shift + log(total) - self.log_filled
        return share if share < 0 else 0.0

    def log_share_of(self, token):
        self._need()
        if not 0 <= token < self.width:
            raise IndexError(f"token {token} is not in range({self.width})")
        return float(self.row[token]) - self.log_filled

    def misses(self, double u, double log_start=0):
        self._need()
        # The number of failures before a success of probability s: floor(log(1 - u) / log(1 - s)).
        cdef double share = self._log_share() - log_start, n
        if not 0 <= u < 1:
            raise ValueError(f"u must be in [0, 1), not {u}")
        if share >= 0:
            return 0
        share = exp(share)
        if not share > 0:
            return int(MOST_MISSES)
        n = floor(log1p(-u) / log1p(-share))
        return int(n) if n < MOST_MISSES else int(MOST_MISSES)
