# distutils: language = c++
"""The trie of bounds on expected future grammaticality, and sequences that are drawn through it."""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport unique_ptr
from libcpp.vector cimport vector

from gcd._native.cpp cimport Reader, Writer
from gcd._native.translate cimport raise_core_error

from gcd.errors import ModelError

cdef extern from "efg_trie.hpp" namespace "gcd" nogil:
    cdef enum class ScoreFault "gcd::ScoreFault":
        none
        nan
        infinite

    cdef cppclass CppChild "gcd::EfgTrie::Child":
        uint32_t token
        uint32_t node
        double log_p
        double log_bound

    cdef cppclass CppNode "gcd::EfgTrie::Node":
        vector[CppChild] children
        double log_rest

    cdef cppclass CppVisit "gcd::EfgTrie::Visit":
        uint32_t token

    const uint32_t END "gcd::EfgTrie::kEnd"
    const uint32_t REFUSED "gcd::EfgTrie::kRefused"

    cdef cppclass CppTrie "gcd::EfgTrie":
        CppTrie()
        CppTrie(Reader&, uint32_t, const vector[uint32_t]&) except +raise_core_error
        uint32_t size()
        const CppNode& node(uint32_t)
        double log_bound()
        double log_found()
        uint32_t n_found()
        uint64_t bytes()
        const CppChild* child(uint32_t, uint32_t)
        cbool commit(const vector[CppVisit]&) except +raise_core_error
        void merge(const CppTrie&) except +raise_core_error
        void save(Writer&) except +raise_core_error

    cdef cppclass CppTerm "gcd::EfgDraw::Term":
        uint32_t token
        double log_bound

    cdef cppclass CppDraw "gcd::EfgDraw":
        CppDraw(const CppTrie&)
        ScoreFault visit[T](const T*, uint32_t, const uint32_t*, uint32_t, cbool) except +raise_core_error
        double log_mass()
        double log_bound()
        uint32_t sample[T](const T*, double)
        void law[T](const T*, uint32_t, double&, double&)
        void take[T](const T*, uint32_t)
        void mark(uint32_t)
        const vector[CppTerm]& terms()
        const vector[CppVisit]& path()
        double log_p()
        double log_q()


cdef double INFINITY = float("inf")


cdef class EfgTrie:
    """Bounds on expected future grammaticality, by prefix."""

    cdef unique_ptr[CppTrie] trie
    cdef readonly uint32_t width
    cdef readonly tuple eos_ids
    cdef frozenset ends

    def __cinit__(self, uint32_t width, eos_ids):
        self.width = width
        self.eos_ids = tuple(int(i) for i in eos_ids)
        self.ends = frozenset(self.eos_ids)
        for i in self.eos_ids:
            if not 0 <= i < width:
                raise ValueError(f"the end-of-sequence id {i} is not in range({width})")
        self.trie.reset(new CppTrie())

    @staticmethod
    def from_section(const uint8_t[::1] section not None, width, eos_ids):
        cdef EfgTrie self = EfgTrie(width, eos_ids)
        cdef vector[uint32_t] ends = self.eos_ids
        cdef unique_ptr[Reader] r
        r.reset(new Reader(&section[0] if section.shape[0] else NULL, section.shape[0]))
        self.trie.reset(new CppTrie(r.get()[0], self.width, ends))
        return self

    def section(self):
        cdef Writer w
        self.trie.get().save(w)
        return bytes(<uint8_t[:w.out.size()]>w.out.data())

    def merge(self, EfgTrie other not None):
        if other is self:
            return
        if other.width != self.width or other.ends != self.ends:
            raise ValueError(
                f"a trie over {other.width:,} columns with end-of-sequence ids {other.eos_ids} can't be merged into one "
                f"over {self.width:,} with {self.eos_ids}"
            )
        self.trie.get().merge(other.trie.get()[0])

    def commit(self, EfgDraw draw not None):
        if draw.trie is not self:
            raise ValueError("the sequence was drawn through another trie")
        if draw.committed:
            raise ValueError("the sequence was committed before")
        draw.committed = True
        return self.trie.get().commit(draw.draw.get().path())

    cdef uint32_t _find(self, object prefix) except? 0xFFFFFFFF:
        """The node of a prefix; END if it was not visited."""
        cdef uint32_t at = 0 if self.trie.get().size() else END
        cdef const CppChild* c
        for token in prefix:
            if at >= REFUSED:
                return END
            if not 0 <= token < self.width:
                raise ValueError(f"token {token} is not in range({self.width})")
            c = self.trie.get().child(at, token)
            at = c.node if c != NULL else END
        return at if at < REFUSED else END

    def log_bound(self, prefix=()):
        cdef const CppChild* c
        prefix = list(prefix)
        if not prefix:
            return self.trie.get().log_bound()
        last = prefix.pop()
        cdef uint32_t at = self._find(prefix)
        if not 0 <= last < self.width:
            raise ValueError(f"token {last} is not in range({self.width})")
        if at == END:
            return 0.0
        c = self.trie.get().child(at, last)
        return c.log_bound if c != NULL else 0.0

    def children(self, prefix=()):
        cdef uint32_t at = self._find(prefix)
        cdef size_t i
        cdef const CppNode* n
        if at == END:
            return None
        n = &self.trie.get().node(at)
        return [
            (n.children[i].token, n.children[i].log_p, n.children[i].log_bound) for i in range(n.children.size())
        ]

    def log_rest(self, prefix=()):
        cdef uint32_t at = self._find(prefix)
        return None if at == END else self.trie.get().node(at).log_rest

    @property
    def n_nodes(self):
        return self.trie.get().size()

    @property
    def nbytes(self):
        return self.trie.get().bytes()

    @property
    def log_found(self):
        return self.trie.get().log_found()

    @property
    def n_found(self):
        return self.trie.get().n_found()

    def __repr__(self):
        return f"<EfgTrie {self.n_nodes:,} prefixes, {self.n_found:,} sentences, log bound {self.log_bound():.4f}>"


# The GIL is kept throughout: the trie is shared by a batch's draws, and a row of 128k columns takes some 40 microseconds.
cdef class EfgDraw:
    """One sequence on its way through a trie."""

    cdef unique_ptr[CppDraw] draw
    cdef readonly EfgTrie trie
    cdef cbool visited
    cdef cbool ended
    cdef cbool committed
    cdef Py_ssize_t columns

    def __cinit__(self, EfgTrie trie not None):
        self.trie = trie
        self.draw.reset(new CppDraw(trie.trie.get()[0]))

    def visit(self, row, words, cbool raw=False):
        cdef Py_buffer scores, mask
        cdef ScoreFault fault
        if self.ended or self.visited or self.committed:
            raise ValueError(
                "the sequence has been committed" if self.committed
                else "the sequence has ended" if self.ended
                else "this position was visited before: draw a token first"
            )
        cdef int size = get_row(row, &scores)
        try:
            get_words(words, &mask)
            try:
                if size == 4:
                    fault = self.draw.get().visit[float](
                        <float*>scores.buf, <uint32_t>scores.shape[0], <uint32_t*>mask.buf, <uint32_t>mask.shape[0], raw
                    )
                else:
                    fault = self.draw.get().visit[double](
                        <double*>scores.buf, <uint32_t>scores.shape[0], <uint32_t*>mask.buf, <uint32_t>mask.shape[0], raw
                    )
            finally:
                PyBuffer_Release(&mask)
            self.columns = scores.shape[0]
        finally:
            PyBuffer_Release(&scores)
        if fault != ScoreFault.none:
            raise ModelError(
                f"a score is {'NaN' if fault == ScoreFault.nan else 'plus infinity'}",
                place=f"generated token {self.draw.get().path().size()}",
                remedy="a model in float32 or bfloat16: float16 overflows",
            )
        self.visited = True
        return self.draw.get().log_mass()

    cdef int _row(self, object row, Py_buffer* view) except -1:
        if not self.visited:
            raise ValueError("visit the position first")
        cdef int size = get_row(row, view)
        if view.shape[0] != self.columns:
            PyBuffer_Release(view)
            raise ValueError(f"a row of {view.shape[0]} columns, and it was visited with {self.columns}")
        return size

    cdef object _moved(self, uint32_t token):
        self.visited = False
        if token in self.trie.ends:
            self.ended = True
            self.draw.get().mark(END)
        return token

    def sample(self, row, double uniform):
        cdef Py_buffer view
        cdef uint32_t token
        if not 0 <= uniform < 1:
            raise ValueError(f"uniform must be in [0, 1), not {uniform}")
        if self.visited and self.draw.get().log_mass() == -INFINITY:
            raise ValueError("there is nothing to draw here: the mass is 0")
        cdef int size = self._row(row, &view)
        if size == 4:
            token = self.draw.get().sample[float](<float*>view.buf, uniform)
        else:
            token = self.draw.get().sample[double](<double*>view.buf, uniform)
        PyBuffer_Release(&view)
        return self._moved(token)

    def law(self, row, uint32_t token):
        cdef Py_buffer view
        cdef double log_p = 0, log_q = 0
        cdef int size = self._row(row, &view)
        if size == 4:
            self.draw.get().law[float](<float*>view.buf, token, log_p, log_q)
        else:
            self.draw.get().law[double](<double*>view.buf, token, log_p, log_q)
        PyBuffer_Release(&view)
        return log_p, log_q

    def take(self, row, uint32_t token):
        cdef Py_buffer view
        if self.law(row, token)[1] == -INFINITY:
            raise ValueError(f"token {token} has no chance here")
        cdef int size = self._row(row, &view)
        if size == 4:
            self.draw.get().take[float](<float*>view.buf, token)
        else:
            self.draw.get().take[double](<double*>view.buf, token)
        PyBuffer_Release(&view)
        self._moved(token)

    def refuse(self):
        if self.visited or not self.draw.get().path().size():
            raise ValueError("no token was drawn")
        self.ended = True
        self.draw.get().mark(REFUSED)

    def bounds(self):
        cdef size_t i
        cdef const vector[CppTerm]* terms = &self.draw.get().terms()
        if not self.visited:
            raise ValueError("visit the position first")
        return [(terms[0][i].token, terms[0][i].log_bound) for i in range(terms.size()) if terms[0][i].log_bound < 0]

    @property
    def tokens(self):
        cdef size_t i
        cdef size_t n = self.draw.get().path().size() - self.visited
        return [self.draw.get().path()[i].token for i in range(n)]

    @property
    def log_p(self):
        return self.draw.get().log_p()

    @property
    def log_q(self):
        return self.draw.get().log_q()

    @property
    def log_mass(self):
        return self.draw.get().log_mass()

    @property
    def log_bound(self):
        return self.draw.get().log_bound()

    @property
    def is_ended(self):
        return self.ended


cdef int get_row(object row, Py_buffer* view) except -1:
    """A row of scores; returns 4 for float32, 8 for float64."""
    PyObject_GetBuffer(row, view, PyBUF_FORMAT | PyBUF_ND)
    cdef char kind = view.format[0]
    if view.ndim == 1 and view.shape[0] and (kind == b"f" or kind == b"d") and view.format[1] == 0:
        return 4 if kind == b"f" else 8
    text = f"{view.ndim} dimensions of {view.format.decode()!r}"
    PyBuffer_Release(view)
    raise TypeError(f"a row of scores is a vector of float32 or float64, not {text}")


cdef int get_words(object words, Py_buffer* view) except -1:
    PyObject_GetBuffer(words, view, PyBUF_FORMAT | PyBUF_ND)
    if view.ndim == 1 and view.itemsize == 4 and view.format[0] in b"iIlL" and view.format[1] == 0:
        return 0
    text = f"{view.ndim} dimensions of {view.format.decode()!r}"
    PyBuffer_Release(view)
    raise TypeError(f"a mask is a vector of int32, not {text}")
