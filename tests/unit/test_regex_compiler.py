"""Programs: the shape of the code, limits, refusals. What programs match is in property/test_regex_*.py."""

import itertools
import re

import pytest
from oracle.regex_simulator import Simulator, instruction_count

from gcd.errors import GrammarError, LimitError, UnsupportedError
from gcd.limits import Limits
from gcd.regex.compiler import NfaCompiler, literal_text, min_width
from gcd.regex.program import DONE, NO_MAX, Op


def compiled(pattern, flags=0, **options):
    compiler = NfaCompiler()
    compiler.add(pattern, flags, **options)
    return compiler.program()


def end(pattern, text, flags=0, pos=0, **options):
    """Where our match ends, in characters."""
    found = Simulator(compiled(pattern, flags, **options)).match(0, text.encode(), len(text[:pos].encode()))
    return None if found is None else len(text.encode()[:found].decode())


def code(program):
    return [tuple(program.code[i : i + 5]) for i in range(0, len(program.code), 5)]


def ops(program, op):
    return [instruction for instruction in code(program) if instruction[0] == op]


def most_threads(program, text):
    """The largest number of threads that wait for a character anywhere in the text."""
    simulator = Simulator(program)
    threads, most = [(program.starts[0], 0)], 0
    for pos, byte in enumerate(text.encode()):
        eating, _ = simulator.closure(threads, text.encode(), pos)
        most = max(most, len(eating))
        threads = [
            (following, 0)
            for op, root, following, _, _ in (simulator.instruction(pc) for pc, _ in eating)
            if op == Op.CLASS and simulator.eats(root, bytes([byte]))
        ]
    return most


class TestShape:
    def test_literal(self):
        program = compiled("abc")
        assert [op for op, *_ in code(program)] == [Op.ACCEPT, Op.CLASS, Op.CLASS, Op.CLASS]
        assert list(program.starts) == [3]

    def test_operands(self):
        program = compiled(r"(?<!a)b(?=c)$")
        (behind,) = ops(program, Op.LOOKBEHIND)
        assert behind[3] == 0
        assert [look[3] for look in ops(program, Op.LOOKAHEAD)] == [1, 1]
        assert len(program.lookbehinds) == 1
        assert len(program.lookaheads) == 2
        assert len(ops(program, Op.ACCEPT)) == 4, "each body has its own"

    def test_all_targets_are_there(self):
        for pattern in (r"(?:a|b*)+\b(?!c{2,}|$)d{100,}|^(?<=\s)x??", "", "(?!)", "(?:(?:a|)*)*"):
            program = compiled(pattern)
            n = instruction_count(program)
            for op, a, b, c, d in code(program):
                if op == Op.SPLIT:
                    targets = program.splits[a : a + b]
                    assert a + b <= len(program.splits)
                    assert all(t < n for t in targets)
                    assert len(set(targets)) == len(targets)
                elif op != Op.ACCEPT:
                    assert b < n
                if op in (Op.COUNT, Op.LAZY_COUNT):
                    assert a < n
                if op in (Op.CLASS, Op.REPEAT, Op.LAZY_REPEAT):
                    assert a < len(program.node_start) - 1
                if op == Op.REPEAT:
                    assert 0 < c <= d

    def test_patterns_share_classes_and_lookarounds(self):
        compiler = NfaCompiler()
        for name in ("if", "in", "is"):
            compiler.add(name + r"\b", name=name)
        assert compiler.add_declared() == 3
        assert compiler.add(r"\w+(?!\w)") == 4
        program = compiler.program()
        assert program.starts[3] == DONE
        assert len(program.lookaheads) == 1
        assert not program.lookbehinds, r"the edge knows that a word character stands before it"
        assert len(set(program.starts)) == 5

    def test_a_repeated_class_beyond_64_is_counted(self):
        assert ops(compiled("a{64}"), Op.REPEAT) == []
        assert [r[3:] for r in ops(compiled("a{65}"), Op.REPEAT)] == [(65, 65)]
        assert [r[3:] for r in ops(compiled("[ab]{100,}"), Op.REPEAT)] == [(100, NO_MAX)]
        assert [r[3:] for r in ops(compiled("(?:a){2,1000}?"), Op.LAZY_REPEAT)] == [(2, 1000)]
        assert [r[3:] for r in ops(compiled("a{0,100}"), Op.REPEAT)] == [(1, 100)], "none at all is a way around"

    def test_a_longer_body_is_counted_too_if_it_needs_a_character(self):
        assert instruction_count(compiled("(?:ab){64}")) == 129
        assert code(compiled("(?:ab){65}"))[1:] == [
            (Op.COUNT, 3, 0, 65, 65),
            (Op.CLASS, 0, 1, 0, 0),
            (Op.CLASS, 1, 2, 0, 0),
        ]
        assert [r[3:] for r in ops(compiled("(?:ab|c){70,}?"), Op.LAZY_COUNT)] == [(70, NO_MAX)]
        assert ops(compiled("(?:a{80}b){70}"), Op.REPEAT) == [], "a thread has one count, so the inner one is copied"
        assert len(ops(compiled("(?:a{80}b){70}"), Op.CLASS)) == 81
        assert len(ops(compiled("(?:a{300}b){70}"), Op.REPEAT)) == 70, "a large body is copied itself"
        assert ops(compiled("(?:a|b*){70}"), Op.COUNT) == [], "empty rounds are not counted"

    def test_small_counts_are_copied(self):
        assert instruction_count(compiled("a{3}")) == 4
        assert instruction_count(compiled("a{2,}")) == 4, "a a (loop)"
        assert instruction_count(compiled("a{2,4}")) == 7
        assert instruction_count(compiled("a*")) == instruction_count(compiled("a+")) == 3

    def test_single_characters_become_a_class(self):
        assert compiled("a|b|c|[d-f]") == compiled("[a-f]")
        assert compiled("(?:x|(?:y|z))*") == compiled("[x-z]*")

    def test_impossible_patterns_have_a_start_without_targets(self):
        for pattern in (r"[^\s\S]", "(?!)", r"a(?!)|b[^\w\W]", "\ud800", r"x\by"):
            program = compiled(pattern)
            assert code(program)[program.starts[0]][:3] == (Op.SPLIT, 0, 0), pattern

    def test_constant_lookarounds_disappear(self):
        for pattern, same in (("(?=)a", "a"), ("(?=b*)a", "a"), ("(?!a*)b|c", "c"), ("(?<=)a", "a"), (r"a\Bb", "ab")):
            program = compiled(pattern)
            assert not program.lookaheads
            assert not program.lookbehinds
            assert end(pattern, "abc") == end(same, "abc")

    def test_a_lookahead_stops_where_it_is_decided(self):
        assert instruction_count(compiled("(?=ab*c{2,90}|a)")) == instruction_count(compiled("(?=a)"))
        assert ops(compiled("(?=a{70,})b"), Op.REPEAT)[0][3:] == (70, 70)


class TestAlternations:
    def test_common_prefixes_are_one_thread(self):
        words = [f"word{i}x{j}" for i in range(40) for j in range(10)]
        assert most_threads(compiled("|".join(words)), "word7x3") <= 4

    def test_order_of_prefixes(self):
        for pattern in ("sam|samwise|sad", "samwise|sam|sad", "sad|samwise|sa|sam|s|samwise"):
            for text in ("samwise", "sam", "sad", "sa", "s", "samwis", "x"):
                match = re.compile(pattern).match(text)
                assert end(pattern, text) == (match and match.end()), (pattern, text)
                rest = re.compile(f"(?:{pattern})e?$").match(text)
                assert end(f"(?:{pattern})e?$", text) == (rest and rest.end()), (pattern, text)

    def test_overlapping_classes_keep_their_order(self):
        assert end(r"[ab]c|ad|[bc]d|\wx", "ad") == 2
        assert end("aq|[ab]|axx", "axx") == 1, "the third may not join the first"
        assert end("[ab]q|a|bxx|[ab]x", "bxx") == 3
        assert most_threads(compiled("[ab]x|[cd]x|[ef]x|[ab]y|[cd]y"), "axx") <= 3

    def test_word_edges_are_shared(self):
        words = [f"w{i}" for i in range(500)]
        assert most_threads(compiled("|".join(rf"\b{w}\b" for w in words)), "w77") <= 10

    def test_many_words(self):
        words = [f"{i * 7919 % 1_000_003:x}-{i}" for i in range(50_000)]
        compiler = NfaCompiler()
        compiler.add("|".join(words))
        simulator = Simulator(compiler.program())
        for word in words[:: len(words) // 50]:
            assert simulator.match(0, word.encode()) is not None
        assert most_threads(compiler.program(), words[123]) <= 20

    def test_long_words_need_no_stack(self):
        assert end("a" * 20_000 + "b|" + "a" * 20_000 + "c", "a" * 20_000 + "c") == 20_001
        assert end("x" * 50_000, "x" * 50_000) == 50_000

    def test_many_alternatives_need_no_stack(self):
        assert end("|".join(f"a*{i}x" for i in range(5000)), "aa4999x") == 7


class TestEmptyRounds:
    """Loops whose body can be empty; see the compiler's docstring. Expected: CPython's own results, spelt out."""

    @pytest.mark.parametrize(
        ("pattern", "text", "expected"),
        [
            ("(|a)*", "a", 0),
            ("(|a)+", "a", 0),
            ("(a|)*", "aa", 2),
            ("(?:|a)+(?:ab|bc)", "aabc", 3),
            ("(?:a*)*b", "aab", 3),
            ("(?:a?){2,5}", "aaaaaaa", 5),
            ("(?:a??){2,5}$", "aaa", 3),
            ("(?:|a){3}", "aaa", 0),
            ("(?:(?:|a)+b?)*c", "abac", 4),
            ("(?:a|b|)*?c", "abc", 3),
            (r"(?:\b|a)*", "a", 0),
            (r"(?:a|\b)*b", "aab", 3),
            ("(?:(?=a)|a)+b", "aab", 3),
            ("(?:(?:a*)?|b)*c", "abac", 4),
        ],
    )
    def test_as_cpython(self, pattern, text, expected):
        match = re.compile(pattern).match(text)
        assert (match and match.end()) == expected
        assert end(pattern, text) == expected

    def test_nested_loops_cost_little(self):
        assert instruction_count(compiled("(?:" * 50 + "a" + ")*" * 50)) < 2000


class TestAtomic:
    @pytest.mark.parametrize(
        ("pattern", "lookaheads"),
        [
            ("a++b", 1),
            ("[a-z]*+", 1),
            ("(?>abc|abd)e", 0),
            ("(?>a+)b", 1),
            ("(?>a+?)b", 0),
            ("(?>.*?)a", 0),
            ("a{3}+b", 0),
            (r"(?>[a-z]+\d+)", 1),
            ("(?>foo|foobar)baz", 1),
            (r"(?>\d+(?:\.\d+)?)", 2),
        ],
    )
    def test_rewritten(self, pattern, lookaheads):
        assert len(compiled(pattern).lookaheads) == lookaheads

    @pytest.mark.parametrize(
        "pattern",
        [
            *("(?>(?:a|ab)b)c", "(?>a|ab)c", "(?>ab|a)b?c", "(?>a*)ab|b", "(?>a?ab?)b", "(?>a?b??)b", "(?>(?:a|b)+)c"),
            *(
                "(?>(?:a|ab)*)b",
                "(?:a|ab)*+b",
                "(?:a|ab){2}+",
                "(?:ab?){1,2}+b",
                "(?>(?:ab?){1,2})b",
                "(?>(?:a|b+)c?)b",
            ),
            *(
                "(?>a{1,2}b?)b",
                "(?>(?>a|ab)b)c",
                "(?>a(?=b)|ab)c?",
                "(?>[ab]+c|a)b",
                "(?>(?:|a)b)c?",
                "a?+b",
                "a{1,2}+a",
            ),
        ],
    )
    def test_as_cpython(self, pattern):
        theirs = re.compile(pattern)
        ours = Simulator(compiled(pattern))
        for text in ("".join(t) for n in range(6) for t in itertools.product("abc", repeat=n)):
            match = theirs.match(text)
            assert ours.match(0, text.encode()) == (match and match.end()), text

    @pytest.mark.parametrize(
        ("pattern", "construct", "column"),
        [
            ("(?>(?:a|ab){2})", "atomic group", 1),
            ("(?>a*[ab])b", "atomic group", 1),
            ("x(?>(?:a|ab)*b)", "atomic group", 2),
            ("(?:a|b?)++", "possessive quantifier", 1),
        ],
    )
    def test_refused(self, pattern, construct, column):
        with pytest.raises(UnsupportedError) as caught:
            compiled(pattern, name="T")
        assert (caught.value.construct, caught.value.column) == (construct, column)
        assert "pattern of T" in str(caught.value)


class TestLookbehind:
    def test_bodies_are_plain(self):
        """No lookaround or EOF can be reached from a lookbehind's start."""
        for pattern in (
            r"(?<!\bun)able",
            r"(?<=^ab)c",
            "(?<!a(?<!b))c",
            r"(?<=a(?=bc)b)c",
            r"(?<=\b\b\bx\B)y",
            r"(?<=a$)",
        ):
            program = compiled(pattern)
            todo, seen = list(program.lookbehinds), set()
            while todo:
                pc = todo.pop()
                if pc in seen:
                    continue
                seen.add(pc)
                op, a, b, *_ = code(program)[pc]
                assert op in (Op.CLASS, Op.SPLIT, Op.ACCEPT), pattern
                todo += program.splits[a : a + b] if op == Op.SPLIT else [b] if op == Op.CLASS else []

    def test_refused(self):
        with pytest.raises(UnsupportedError) as caught:
            compiled("(?<=(?=.*x)a)b")
        assert caught.value.construct == "lookaround inside lookbehind"

    def test_any_width_in_other_dialects(self):
        for dialect in ("regex", "ecma"):
            assert end("(?<=a+b*)c", "aabbc", pos=4, dialect=dialect) == 5
            assert end("(?<!a+b*)c", "aabbc", pos=4, dialect=dialect) is None


class TestLimits:
    @pytest.mark.parametrize(
        "pattern", ["(?:(?:a?b?){1000}){1000}", "(?:" * 40 + "a?" + ")+" * 40, "(?:(?:a|b*){2,400}){400}"]
    )
    def test_instructions(self, pattern):
        compiler = NfaCompiler(Limits(max_lexer_states=10_000))
        with pytest.raises(LimitError) as caught:
            compiler.add(pattern, name="BIG")
        assert (caught.value.limit, caught.value.allowed) == ("max_lexer_states", 10_000)
        assert "BIG" in str(caught.value)
        assert "50,000" in str(caught.value)
        assert instruction_count(compiler.program()) <= 50_000

    def test_bounds_are_passed_on(self):
        with pytest.raises(LimitError, match="max_repeat"):
            NfaCompiler(Limits(max_repeat=5)).add("a{6}")
        with pytest.raises(LimitError, match="max_nesting"):
            NfaCompiler(Limits(max_nesting=5)).add("((((((a))))))")

    def test_pythons_stack(self):
        """However deep the caller is, the error is ours."""

        def deeper(levels):
            return deeper(levels - 1) if levels else NfaCompiler().add("(?:" * 190 + "a" + ")*" * 190)

        with pytest.raises(LimitError) as caught:
            deeper(700)
        assert caught.value.limit == "max_nesting"
        assert NfaCompiler().add("(" * 190 + "a" + ")" * 190) == 0


class TestEcma:
    @pytest.mark.parametrize(
        ("pattern", "text", "expected"),
        [
            ("^a$", "a\n", None),
            ("^a$", "a", 1),
            (".", "\u2028", None),
            (".", "\u0085", 1),
            (r"\d", "٣", None),
            (r"\w+", "aé", 1),
            (r"\s", "\ufeff", 1),
            (r"\s", "\x1c", None),
            (r"a\b", "aé", 1),
            (r"\B", "", 0),
            ("[^]", "\n", 1),
            (r"\p{Lu}\P{Lu}", "Éé", 2),
            (r"[\p{L}_-]+", "é_-1", 3),
            (r"(?<year>\d{4})-", "2026-", 5),
        ],
    )
    def test_matches(self, pattern, text, expected):
        assert end(pattern, text, dialect="ecma") == expected


def test_helpers_are_at_hand():
    assert min_width("a{2}b*") == 2
    assert literal_text("ab") == "ab"


def test_errors_leave_the_program_usable():
    compiler = NfaCompiler()
    assert compiler.add("a") == 0
    for wrong in ("(", r"(a)\1", "a{100001}"):
        with pytest.raises((GrammarError, LimitError)):
            compiler.add(wrong)
    assert compiler.add("b") == 1
    simulator = Simulator(compiler.program())
    assert simulator.match(1, b"b") == 1


def test_equal_input_gives_equal_programs():
    patterns = [
        r"(?:[^\W\d]\w*|a|b|[a-c]d|x*y|\bz)+(?<!\d)",
        "|".join(f"w{i * 37 % 101}" for i in range(101)),
        "(?i:straße)",
    ]
    programs = []
    for _ in range(2):
        compiler = NfaCompiler()
        for pattern in patterns:
            compiler.add(pattern)
        programs.append(compiler.program())
    assert programs[0] == programs[1]
