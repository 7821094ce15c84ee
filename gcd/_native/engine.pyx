"""A compiled grammar: lexer DFA, syntax automaton, rows and masks over one token trie."""

from libc.stdint cimport uint32_t
from libcpp.memory cimport shared_ptr
from libcpp.utility cimport move
from libcpp.vector cimport vector

from gcd._native.cpp cimport (
    Bits,
    CfgProduction,
    CfgSymbol,
    CoreLimits,
    Engine as CppEngine,
    GrammarTables,
    Lexset,
    StartSymbol,
    Unless,
    bits_set,
)
from gcd._native.trie cimport TokenTrie


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
        core.max_lexer_states = min(limits.max_lexer_states, 0x3FFFFFFF)
        core.max_parser_states = 4_000_000
        core.max_pairs = min(limits.max_lexer_states, 0x3FFFFFFF)
        core.memo_bytes = limits.memo_bytes
        cdef vector[uint32_t] eos = numbers(eos_ids)
        cdef CppEngine* raw
        self.trie = trie
        with nogil:
            raw = new CppEngine(trie.trie, move(t), move(eos), core, lenient)
        self.engine = shared_ptr[CppEngine](raw)

    @property
    def exact(self):
        return self.engine.get().compiled.exact()

    @property
    def reason(self):
        return self.engine.get().compiled.reason().decode()

    def start_alive(self, uint32_t i):
        return self.engine.get().compiled.start_alive(i)

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
            "parser_states": e.compiled.syntax().n_states(),
            "rows": e.rows.n_rows(),
            "node_lists": e.rows.n_node_lists(),
            "trie_nodes_visited": e.rows.n_visited(),
            "row_bytes": e.rows.bytes(),
            "masks": e.masks.n_masks(),
            "mask_bytes": e.masks.bytes(),
            "readings": e.masks.n_readings(),
            "mask_misses": e.masks.counters.misses(),
            "mask_depth_hits": e.masks.counters.depth_hits(),
        }
