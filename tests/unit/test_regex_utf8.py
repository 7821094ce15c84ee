"""Class automata: exactly the UTF-8 of the set's characters, in as few nodes as can be."""

import itertools
import random
from itertools import pairwise

import pytest

from gcd.regex.charset import ANY, EMPTY, category, complement, contains, normalize, singleton
from gcd.regex.program import DONE, NfaProgram
from gcd.regex.utf8 import FAIL, ClassTable

SETS = {
    "any": ANY,
    "ascii": ((0, 127),),
    "a": singleton(97),
    "é": singleton(0xE9),
    "€": singleton(0x20AC),
    "😀": singleton(0x1F600),
    "no newline": complement(((10, 10),)),
    "edges": normalize((c, c) for e in (0x80, 0x800, 0xD800, 0xE000, 0x10000, 0x10FFFF) for c in (e - 1, e)),
    "é to ÿ": ((0xE9, 0xFF),),
    "two planes": ((0xFFF0, 0x1000F), (0x20000, 0x2FFFF)),
    "word": category("w"),
    "no word": category("W"),
}


def tables(program):
    """Of each node a list of 256 targets; None: no way."""
    result = []
    for begin, end in pairwise(program.node_start):
        row = [None] * 256
        for i in range(begin, end):
            for byte in range(program.range_lo[i], program.range_hi[i] + 1):
                assert row[byte] is None, "disjoint"
                row[byte] = program.range_to[i]
        result.append(row)
    return result


def accepts(rows, root, data):
    node = root
    for byte in data:
        if node == DONE or (node := rows[node][byte]) is None:
            return False
    return node == DONE


@pytest.fixture(scope="module")
def automaton():
    program = NfaProgram()
    table = ClassTable(program)
    roots = {name: table.root(table.add(chars)) for name, chars in SETS.items()}
    return program, table, roots


@pytest.mark.parametrize("name", ["word", pytest.param("any", marks=pytest.mark.slow), "edges"])
def test_all_code_points(automaton, name):
    program, _, roots = automaton
    rows = tables(program)
    inside = bytearray(0x110000)
    for low, high in SETS[name]:
        inside[low : high + 1] = b"\1" * (high + 1 - low)
    for c in itertools.chain(range(0xD800), range(0xE000, 0x110000)):
        assert accepts(rows, roots[name], chr(c).encode()) == inside[c], hex(c)


@pytest.mark.parametrize("name", SETS)
def test_byte_strings(automaton, name):
    """Nothing else is accepted: no surrogate, no overlong form, no piece of a character."""
    program, _, roots = automaton
    rows = tables(program)
    rnd = random.Random(name)
    one = [bytes([a]) for a in range(256)]
    two = [bytes(p) for p in itertools.product(range(256), repeat=2)]
    leads = [0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]
    tails = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0]
    longer = [bytes((lead, b, *rest)) for lead in leads for b in range(256) for rest in itertools.product(tails[2:8])]
    longer += [bytes((lead, b, c, d)) for lead in leads[6:] for b in range(256) for c in tails for d in tails]
    for data in itertools.chain(one, two, longer, (rnd.randbytes(n) for n in (3, 4, 5) for _ in range(2000))):
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = ""
        assert accepts(rows, roots[name], data) == (len(text) == 1 and contains(SETS[name], ord(text))), data


def test_ranges_are_sorted_and_joined(automaton):
    program, _, _ = automaton
    for begin, end in pairwise(program.node_start):
        assert begin < end, "no node without a way on"
        for i in range(begin, end):
            assert program.range_lo[i] <= program.range_hi[i] < 256
            assert program.range_to[i] == DONE or program.range_to[i] < len(program.node_start) - 1
        for i in range(begin, end - 1):
            assert program.range_hi[i] < program.range_lo[i + 1]
            touching = program.range_hi[i] + 1 == program.range_lo[i + 1]
            assert not (touching and program.range_to[i] == program.range_to[i + 1])


def test_nodes_are_shared(automaton):
    """Minimal: no two nodes are alike (a tree of fixed depth with equal subtrees merged)."""
    program, table, _ = automaton
    columns = (program.range_lo, program.range_hi, program.range_to)
    nodes = [tuple(tuple(c[begin:end]) for c in columns) for begin, end in pairwise(program.node_start)]
    assert len(set(nodes)) == len(nodes)
    assert table.add(category("w")) == table.add(tuple(category("w")))
    table.root(table.add(category("w")))
    assert len(program.node_start) - 1 == len(nodes)


def test_any_character_takes_eight_nodes():
    program = NfaProgram()
    table = ClassTable(program)
    table.root(table.add(ANY))
    # 80..BF; its double; E0, ED; F0, F4; its triple; and the root
    assert len(program.node_start) - 1 == 8


def test_nothing_to_match():
    program = NfaProgram()
    table = ClassTable(program)
    assert table.add(EMPTY) == FAIL
    assert table.add(((0xD800, 0xDFFF),)) == FAIL
    assert len(program.node_start) == 1


def test_surrogates_make_no_difference():
    table = ClassTable(NfaProgram())
    assert table.add(ANY) == table.add(((0, 0xD7FF), (0xE000, 0x10FFFF)))
    assert table.add(((0x61, 0x61), (0xD800, 0xD800))) == table.add(((0x61, 0x61),))


def test_nodes_are_made_when_they_are_wanted():
    program = NfaProgram()
    table = ClassTable(program)
    class_id = table.add(category("w"))
    assert len(program.node_start) == 1
    table.root(class_id)
    assert len(program.node_start) > 100
