"""A compiled grammar: lexer DFA, syntax automaton, rows and masks over one token trie."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libcpp.memory cimport shared_ptr, unique_ptr
from libcpp.utility cimport move
from libcpp.vector cimport vector

from gcd._native.cpp cimport (
    Bits,
    CfgProduction,
    CfgSymbol,
    CoreLimits,
    Engine as CppEngine,
    GrammarTables,
    Reader,
    Writer,
    Lexset,
    StartSymbol,
    Unless,
    bits_set,
)
from gcd._native.trie cimport TokenTrie

from gcd.errors import ArtifactError


cdef vector[uint32_t] numbers(object values) except *:
    cdef vector[uint32_t] out
    cdef const uint32_t[::1] view
    if hasattr(values, "typecode"):
        if len(values):
            view = values
            out.assign(&view[0], &view[0] + view.shape[0])
        return out
    out.reserve(len(values))
    for v in values:
        out.push_back(<uint32_t>v)
    return out


cdef CoreLimits core_limits(object limits) except *:
    cdef CoreLimits core
    core.max_lexer_states = min(limits.max_lexer_states, 0x3FFFFFFF)
    core.max_parser_states = min(limits.max_parser_states, 0x3FFFFFFF)
    core.max_pairs = min(limits.max_lexer_states, 0x3FFFFFFF)
    core.memo_bytes = limits.memo_bytes
    core.max_rows = min(limits.max_rows, 0x3FFFFFFF)
    core.seconds = limits.seconds
    return core


cdef int read(unique_ptr[Reader]& into, const uint8_t[::1] section) except -1:
    into.reset(new Reader(&section[0] if section.shape[0] else NULL, section.shape[0]))
    return 0


cdef bytes written(Writer& w):
    return bytes(<uint8_t[:w.out.size()]>w.out.data()) if w.out.size() else b""


cdef class Engine:
    def __init__(self, TokenTrie trie, object grammar, object program, object eos_ids, object limits, bint lenient):
        cdef GrammarTables t
        cdef Lexset lexset
        cdef Unless unless
        cdef CfgProduction production
        cdef CfgSymbol symbol
        cdef StartSymbol start
        cdef Bits bits
        cdef CoreLimits core
        cdef uint32_t end = len(grammar.terminals) + 1
        t.nfa.code = numbers(program.code)
        t.nfa.splits = numbers(program.splits)
        t.nfa.starts = numbers(program.starts)
        t.nfa.lookaheads = numbers(program.lookaheads)
        t.nfa.lookbehinds = numbers(program.lookbehinds)
        t.nfa.node_start = numbers(program.node_start)
        t.nfa.range_lo = numbers(program.range_lo)
        t.nfa.range_hi = numbers(program.range_hi)
        t.nfa.range_to = numbers(program.range_to)
        for ls in grammar.lexsets:
            lexset.order = numbers(ls.order)
            lexset.unless.clear()
            for u in ls.unless:
                unless.regex = u.regex
                unless.literals = numbers(u.literals)
                lexset.unless.push_back(unless)
            t.lexsets.push_back(lexset)
        t.ignore = numbers(grammar.ignore)
        t.independent = grammar.independent
        t.all_lengths = grammar.all_lengths
        t.cfg.n_nonterminals = len(grammar.nonterminals)
        t.cfg.productions.reserve(len(grammar.productions))
        for p in grammar.productions:
            production.lhs = p.lhs
            production.rhs.clear()
            for s in p.rhs:
                symbol.terminal = s.is_terminal
                symbol.id = s.id
                symbol.lexset = s.lexset
                production.rhs.push_back(symbol)
            production.forbid = numbers(p.forbid)
            t.cfg.productions.push_back(production)
        t.cfg.forbids.clear()
        for f in grammar.forbids:
            bits.clear()
            for x in f:
                bits_set(bits, end if x < 0 else <uint32_t>x)
            t.cfg.forbids.push_back(bits)
        for s in grammar.starts:
            start.nonterminal = 0xFFFFFFFF if s.nonterminal < 0 else s.nonterminal
            start.nullable = s.nullable
            start.lexset = s.lexset
            t.starts.push_back(start)
        if grammar.indentation is not None:
            t.indentation.enabled = True
            t.indentation.newline = grammar.indentation.newline
            t.indentation.indent = grammar.indentation.indent
            t.indentation.dedent = grammar.indentation.dedent
            t.indentation.tab_len = grammar.indentation.tab_len
            t.indentation.open = numbers(grammar.indentation.open_parens)
            t.indentation.close = numbers(grammar.indentation.close_parens)
        core = core_limits(limits)
        cdef vector[uint32_t] eos = numbers(eos_ids)
        cdef CppEngine* raw
        self.trie = trie
        with nogil:
            raw = new CppEngine(trie.trie, move(t), move(eos), core, lenient)
        self.engine = shared_ptr[CppEngine](raw)

    @staticmethod
    def from_sections(
        TokenTrie trie,
        const uint8_t[::1] tables not None,
        const uint8_t[::1] rows not None,
        const uint8_t[::1] lists not None,
        const uint8_t[::1] local_sets not None,
        const uint8_t[::1] summaries not None,
        const uint8_t[::1] sets not None,
        object eos_ids,
        object limits,
    ):
        cdef Engine self = Engine.__new__(Engine)
        cdef CoreLimits core = core_limits(limits)
        cdef vector[uint32_t] eos = numbers(eos_ids)
        cdef CppEngine* raw
        cdef unique_ptr[Reader] t, r, l, o, m, s
        read(t, tables)
        read(r, rows)
        read(l, lists)
        read(o, local_sets)
        read(m, summaries)
        read(s, sets)
        with nogil:
            raw = new CppEngine(
                trie.trie, t.get()[0], r.get()[0], l.get()[0], o.get()[0], m.get()[0], s.get()[0], move(eos), core
            )
        self.engine = shared_ptr[CppEngine](raw)
        self.trie = trie
        self.owner = (tables, rows, lists, local_sets, summaries, sets)
        return self

    def sections(self):
        cdef Writer t, r, l, o, m, s
        cdef CppEngine* e = self.engine.get()
        with nogil:  # other threads may be filling the tables: what is named later is saved later
            e.masks.save(o, m, s)
            e.rows.save(r, l)
            e.compiled.save(t)
        return {
            "tables": written(t),
            "rows": written(r),
            "lists": written(l),
            "locals": written(o),
            "summaries": written(m),
            "sets": written(s),
        }

    def explore(self, uint32_t max_masks, double seconds):
        cdef CppEngine* e = self.engine.get()
        cdef uint64_t n
        with nogil:
            n = e.explore(max_masks, seconds)
        return n

    @property
    def exact(self):
        return self.engine.get().compiled.exact()

    @property
    def reason(self):
        return self.engine.get().compiled.reason().decode()

    @property
    def eos_ids(self):
        return tuple(self.engine.get().eos_ids)

    @property
    def n_starts(self):
        return self.engine.get().parser.n_starts()

    @property
    def n_terminals(self):
        return self.engine.get().compiled.n_terminals()

    def start_alive(self, uint32_t i):
        return self.engine.get().parser.start_alive(i)

    def counts(self):
        cdef CppEngine* e = self.engine.get()
        return {
            "lexer_states": e.compiled.lexer().n_states(),
            "contexts": e.compiled.lexer().n_contexts(),
            "byte_classes": e.compiled.lexer().n_classes(),
            "analysed_states": e.compiled.n_live_nodes(),
            "boundary_pairs": e.compiled.n_pairs(),
            "boundary_classes": e.compiled.n_classes(),
            "boundary_elements": e.compiled.n_elements(),
            "parser_states": e.parser.syntax().n_states(),
            "parser_frames": e.parser.syntax().n_frames(),
            "rows": e.rows.n_rows(),
            "node_lists": e.rows.n_node_lists(),
            "trie_nodes_visited": e.rows.n_visited(),
            "row_bytes": e.rows.bytes(),
            "masks": e.masks.n_masks(),
            "mask_bytes": e.masks.bytes(),
            "readings": e.masks.n_readings(),
            "mask_misses": e.masks.counters.misses(),
            "mask_unions": e.masks.counters.unions(),
            "summaries": e.masks.counters.summaries(),
            "local_sets": e.masks.counters.local_sets(),
            "generation": e.newest_generation(),
        }
