# distutils: language = c++
"""Compiled grammars put together: an automaton whose edges are whole grammars."""

from libc.stdint cimport uint32_t
from libcpp.memory cimport unique_ptr
from libcpp.utility cimport move
from libcpp.vector cimport vector

from gcd._native.cpp cimport (
    CALL_EDGE,
    PART_EDGE,
    STRING_EDGE,
    Composition,
    CompositionEdge,
    CompositionRule,
    Matcher as CppMatcher,
    SchemaMatcher as CppSchemaMatcher,
    SqlMatcher as CppSqlMatcher,
    TextMatcher,
)
from gcd._native.engine cimport Engine
from gcd._native.schema cimport SchemaEngine
from gcd._native.sql cimport SqlEngine
from gcd._native.trie cimport TokenTrie


cdef class ComposedEngine:
    def __init__(self, TokenTrie trie, tuple parts, uint32_t n_nodes, object edges, object rules, object eos_ids):
        cdef vector[CompositionEdge] all_edges
        cdef vector[CompositionRule] all_rules
        cdef CompositionEdge edge
        cdef CompositionRule rule
        cdef vector[uint32_t] eos = eos_ids
        cdef unique_ptr[TextMatcher] at_start
        for f, p, t in edges:
            if not 0 <= p < len(parts) + 2 * len(rules):
                raise ValueError(f"there is no part and no rule {p}")
            if p < len(parts):
                edge.kind, number = PART_EDGE, p
            else:
                again, number = divmod(p - len(parts), len(rules))
                edge.kind = STRING_EDGE if again else CALL_EDGE
            edge.from_, edge.part, edge.to = f, number, t
            all_edges.push_back(edge)
        for starts, finals in rules:
            rule.starts, rule.finals = starts, finals
            all_rules.push_back(rule)
        self.composition.reset(new Composition(trie.trie, move(eos), n_nodes, move(all_edges), move(all_rules)))
        self.trie = trie
        self.parts = parts
        self.eos_ids = tuple(eos_ids)
        self.n_terminals = 0
        for engine, start in parts:
            if engine.trie is not trie or not 0 <= start < engine.n_starts:
                raise ValueError("a part has another vocabulary, or no such start symbol")
            if isinstance(engine, SchemaEngine):
                at_start.reset(new CppSchemaMatcher((<SchemaEngine>engine).engine))
            elif isinstance(engine, SqlEngine):
                at_start.reset(new CppSqlMatcher((<SqlEngine>engine).engine))
            else:
                at_start.reset(new CppMatcher((<Engine?>engine).engine, start))
            self.composition.get().add_part(move(at_start), engine.n_terminals)
            self.n_terminals += engine.n_terminals

    def explore(self, uint32_t max_masks, double seconds):
        return sum([engine.explore(max_masks, seconds / len(self.parts)) for engine, _ in self.parts])

    @property
    def exact(self):
        return all([engine.exact for engine, _ in self.parts])

    @property
    def reason(self):
        return "; ".join([engine.reason for engine, _ in self.parts if not engine.exact])

    @property
    def n_starts(self):
        return 1

    def start_alive(self, uint32_t i):
        return any([engine.start_alive(start) for engine, start in self.parts])

    def counts(self):
        return {"parts": len(self.parts), "places": self.composition.get().n_places()}
