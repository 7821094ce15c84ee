"""Everything of csrc/ that the extension modules use, and the translation of its exceptions."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport shared_ptr, unique_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector

from gcd._native.translate cimport raise_core_error



cdef extern from "archive.hpp" namespace "gcd" nogil:
    cdef cppclass Writer:
        Writer()
        vector[uint8_t] out

    cdef cppclass Reader:
        Reader(const uint8_t*, size_t) except +raise_core_error

    uint64_t section_checksum(const uint8_t*, size_t)

    cdef cppclass ByteView "gcd::View<uint8_t>":
        const uint8_t* data()
        size_t size()

    cdef cppclass NumberView "gcd::View<uint32_t>":
        const uint32_t* data()
        size_t size()


cdef extern from "token_trie.hpp" namespace "gcd" nogil:
    const uint32_t MAX_TOKEN_BYTES "gcd::TokenTrie::kMaxTokenBytes"
    cdef cppclass TokenTrie:
        TokenTrie(Reader&) except +raise_core_error
        void save(Writer&) except +raise_core_error
        ByteView bytes
        NumberView offsets
        TokenTrie(vector[uint8_t], vector[uint32_t], uint32_t) except +raise_core_error
        uint32_t n_nodes()
        uint32_t n_tokens()
        uint32_t words()
        uint32_t token_size(uint32_t)
        uint32_t width
        cbool byte_complete
        uint32_t max_token_bytes


ctypedef const TokenTrie ConstTokenTrie


cdef extern from "lexer.hpp" namespace "gcd" nogil:
    cdef cppclass NfaProgram:
        NfaProgram()
        vector[uint32_t] code
        vector[uint32_t] splits
        vector[uint32_t] starts
        vector[uint32_t] lookaheads
        vector[uint32_t] lookbehinds
        vector[uint32_t] node_start
        vector[uint32_t] range_lo
        vector[uint32_t] range_hi
        vector[uint32_t] range_to

    cdef cppclass Unless:
        uint32_t regex
        vector[uint32_t] literals

    cdef cppclass Lexset:
        vector[uint32_t] order
        vector[Unless] unless

    cdef cppclass Lexer:
        uint32_t n_states()
        uint32_t n_contexts()
        uint32_t n_classes()


cdef extern from "cfg.hpp" namespace "gcd" nogil:
    cdef cppclass CfgSymbol:
        cbool terminal
        uint32_t id
        uint32_t lexset

    cdef cppclass CfgProduction:
        uint32_t lhs
        vector[CfgSymbol] rhs
        vector[uint32_t] forbid

    ctypedef vector[uint64_t] Bits
    void bits_set(Bits&, uint32_t)
    cbool bits_get(const Bits&, uint32_t)

    cdef cppclass Cfg:
        uint32_t n_nonterminals
        vector[CfgProduction] productions
        vector[Bits] forbids


cdef extern from "viability.hpp" namespace "gcd" nogil:
    cdef cppclass StartSymbol:
        uint32_t nonterminal
        cbool nullable
        uint32_t lexset


cdef extern from "syntax.hpp" namespace "gcd" nogil:
    cdef cppclass SyntaxAutomaton:
        uint32_t n_states()
        uint32_t n_frames()


cdef extern from "indentation.hpp" namespace "gcd" nogil:
    cdef cppclass IndentationSpec:
        cbool enabled
        uint32_t newline
        uint32_t indent
        uint32_t dedent
        uint32_t tab_len
        vector[uint32_t] open
        vector[uint32_t] close


cdef extern from "compiled.hpp" namespace "gcd" nogil:
    cdef cppclass GrammarTables:
        IndentationSpec indentation
        NfaProgram nfa
        vector[Lexset] lexsets
        vector[uint32_t] ignore
        cbool independent
        cbool all_lengths
        Cfg cfg
        vector[StartSymbol] starts

    cdef cppclass CoreLimits:
        uint32_t max_lexer_states
        uint32_t max_parser_states
        uint32_t max_pairs
        uint64_t memo_bytes
        uint32_t max_rows
        double seconds

    cdef cppclass Compiled:
        Lexer& lexer()
        cbool exact()
        const string& reason()
        uint32_t n_terminals()
        uint32_t n_live_nodes()
        uint32_t n_classes()
        uint32_t n_elements()
        void save(Writer&) except +raise_core_error
        uint32_t n_pairs()


cdef extern from "rows.hpp" namespace "gcd" nogil:
    cdef cppclass Rows:
        void save(Writer&, Writer&) except +raise_core_error
        uint32_t n_rows()
        uint32_t n_node_lists()
        uint64_t n_visited()
        uint64_t bytes()


cdef extern from "masks.hpp" namespace "gcd" nogil:
    cdef cppclass MaskCounters "gcd::Masks::Counters":
        uint64_t misses "misses.load"()
        uint64_t unions "unions.load"()
        uint64_t summaries "summaries.load"()
        uint64_t local_sets "local_sets.load"()

    cdef cppclass Masks:
        MaskCounters counters
        void save(Writer&, Writer&, Writer&) except +raise_core_error
        uint32_t words()
        uint32_t n_masks()
        uint64_t n_readings()
        uint64_t bytes()


cdef extern from "parser.hpp" namespace "gcd" nogil:
    cdef cppclass Reading:
        uint32_t syntax
        uint32_t lexer

    cdef cppclass Parser:
        SyntaxAutomaton& syntax()
        uint32_t n_starts()
        cbool start_alive(uint32_t)


cdef extern from "text_matcher.hpp" namespace "gcd" nogil:
    cdef cppclass TextMatcher:
        unique_ptr[TextMatcher] clone() except +raise_core_error
        void fill(uint32_t*) except +raise_core_error
        cbool check(uint32_t) except +raise_core_error
        cbool accept(uint32_t) except +raise_core_error
        cbool accept_bytes(const uint8_t*, uint32_t) except +raise_core_error
        void rollback(uint32_t) except +raise_core_error
        void reset() except +raise_core_error
        uint32_t n_accepted()
        cbool finished()
        cbool complete() except +raise_core_error
        cbool dead()
        uint32_t viable_bytes(const uint8_t*, uint32_t) except +raise_core_error
        void expected(Bits&, Bits&) except +raise_core_error
        vector[uint8_t] forced_bytes(uint32_t) except +raise_core_error
        vector[uint32_t] forced_tokens(uint32_t) except +raise_core_error
        cbool completion(vector[uint32_t]&, uint32_t) except +raise_core_error


cdef extern from "budgeted_matcher.hpp" namespace "gcd" nogil:
    cdef cppclass BudgetedMatcher(TextMatcher):
        BudgetedMatcher(unique_ptr[TextMatcher], uint32_t) except +raise_core_error
        TextMatcher& inner()
        uint32_t budget()
        uint32_t left()


cdef extern from "engine.hpp" namespace "gcd" nogil:
    cdef cppclass Engine:
        Engine(shared_ptr[ConstTokenTrie], GrammarTables, vector[uint32_t], CoreLimits, cbool) except +raise_core_error
        Engine(
            shared_ptr[ConstTokenTrie], Reader, Reader, Reader, Reader, Reader, Reader, vector[uint32_t], CoreLimits
        ) except +raise_core_error
        uint64_t explore(uint32_t, double) except +raise_core_error
        uint64_t newest_generation()
        const vector[uint32_t] eos_ids
        Compiled compiled
        Rows rows
        Parser parser
        Masks masks


cdef extern from "matcher.hpp" namespace "gcd" nogil:
    cdef cppclass Matcher(TextMatcher):
        Matcher(shared_ptr[Engine], uint32_t) except +raise_core_error
        const vector[Reading]& readings()


cdef extern from "batch.hpp" namespace "gcd" nogil:
    cdef cppclass BatchRow:
        TextMatcher* matcher
        uint32_t* out
        const void* tables

    void fill_batch(const vector[BatchRow]&, uint32_t) except +raise_core_error


cdef extern from "schema_masks.hpp" namespace "gcd" nogil:
    cdef cppclass LexemeStore:
        LexemeStore(shared_ptr[ConstTokenTrie], uint32_t) except +raise_core_error
        cbool full()

    cdef cppclass SchemaCounts "gcd::SchemaEngine::Counts":
        uint32_t states, frames, shapes, formulas, masks, rows, expressions
        uint64_t mask_bytes, row_bytes

    cdef cppclass SchemaEngine:
        SchemaEngine(
            shared_ptr[LexemeStore],
            shared_ptr[ConstTokenTrie],
            const uint8_t*,
            size_t,
            vector[uint32_t],
            uint32_t,
            uint64_t,
        ) except +raise_core_error
        cbool satisfiable()
        cbool exact() except +raise_core_error nogil
        const string& reason() except +raise_core_error nogil
        SchemaCounts counts() except +raise_core_error
        uint64_t explore(uint32_t, double) except +raise_core_error

    cdef cppclass SchemaMatcher(TextMatcher):
        SchemaMatcher(shared_ptr[SchemaEngine]) except +raise_core_error


cdef extern from "composition.hpp" namespace "gcd" nogil:
    cdef enum EdgeKind "gcd::CompositionEdge::Kind":
        PART_EDGE "gcd::CompositionEdge::kPart"
        CALL_EDGE "gcd::CompositionEdge::kCall"
        STRING_EDGE "gcd::CompositionEdge::kString"

    cdef cppclass CompositionEdge:
        uint32_t from_ "from"
        uint32_t part
        uint32_t to
        EdgeKind kind

    cdef cppclass CompositionRule:
        vector[uint32_t] starts
        vector[uint32_t] finals

    cdef cppclass Composition:
        Composition(
            shared_ptr[ConstTokenTrie],
            vector[uint32_t],
            uint32_t,
            vector[CompositionEdge],
            vector[CompositionRule],
        ) except +raise_core_error
        void add_part(unique_ptr[TextMatcher], uint32_t) except +raise_core_error
        uint64_t n_places()

    cdef cppclass ComposedMatcher(TextMatcher):
        ComposedMatcher(shared_ptr[Composition]) except +raise_core_error


cdef extern from "sql_engine.hpp" namespace "gcd" nogil:
    cdef cppclass SqlCounts "gcd::SqlEngine::Counts":
        uint32_t states, parses, scopes, masks
        uint64_t mask_bytes, row_bytes, unsettled, generation

    cdef cppclass SqlEngine:
        SqlEngine(
            shared_ptr[ConstTokenTrie],
            const uint8_t*,
            size_t,
            vector[uint32_t],
            uint32_t,
            uint64_t,
        ) except +raise_core_error
        cbool satisfiable()
        const string& reason()
        SqlCounts counts() except +raise_core_error
        uint64_t explore(uint32_t, double) except +raise_core_error

    cdef cppclass SqlMatcher(TextMatcher):
        SqlMatcher(shared_ptr[SqlEngine]) except +raise_core_error
