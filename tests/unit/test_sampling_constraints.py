"""Constraints: masks and checks agree, products intersect, predicates are asked rarely and watched."""

import sqlite3

import numpy as np
import pytest

import gcd
from gcd import PredicateError, SamplingError, Vocabulary
from gcd.sampling import GrammarConstraint, NoConstraint, Product, predicate
from gcd.sampling.constraint import as_constraint, pack_mask, unpack_mask
from gcd.sampling.predicates import canonical, lark_parse, python_source, regex, smiles, sqlite

TOKENS = [bytes([c]) for c in range(32, 127)] + [b"\n", b"ab", b"abc", "é".encode(), "é".encode()[:1], "é".encode()[1:]]
VOCAB = Vocabulary.from_bytes([*TOKENS, None, None], eos_ids=[len(TOKENS)])
END = len(TOKENS)


def ids(text):
    return [TOKENS.index(bytes([c])) for c in text.encode()]


def allowed(state):
    words = np.zeros(-(-VOCAB.width // 32), np.int32)
    state.fill_mask(words)
    return set(np.flatnonzero(unpack_mask(words, VOCAB.width)).tolist())


def at(constraint, text):
    state = constraint.start(VOCAB)
    for token in ids(text):
        state.advance(token)
    return state


GRAMMAR = gcd.compile(gcd.Grammar.from_regex("[a-c]{2,4}"), VOCAB)
CONSTRAINTS = {
    "none": NoConstraint(),
    "grammar": GrammarConstraint(GRAMMAR),
    "regex": regex(r"([a-c]+)x\1"),
    "bytes": predicate(lambda b: len(b) < 4, unit="bytes"),
    "ids": predicate(lambda t: len(t) < 4, unit="ids"),
    "text": predicate(lambda t: "é" not in t, batched=False),
    "batched": predicate(lambda many: [len(t) < 4 for t in many], batched=True),
    "product": Product([regex(r"(.)\1*"), GrammarConstraint(GRAMMAR)]),
}


@pytest.mark.parametrize("name", CONSTRAINTS)
@pytest.mark.parametrize("text", ["", "a", "ab", "aa"])
def test_mask_check_advance_agree(name, text):
    constraint = CONSTRAINTS[name]
    state = constraint.start(VOCAB)
    for token in ids(text):
        if not state.check(token):
            return
        state.advance(token)
    mask = allowed(state)
    assert mask == {t for t in range(VOCAB.width) if state.check(t)}
    assert END + 1 not in mask  # a hole
    refused = next(t for t in range(VOCAB.width) if t not in mask)
    with pytest.raises(SamplingError):
        state.advance(refused)
    assert allowed(state) == mask
    for token in mask - {END}:
        fork = state.fork()
        fork.advance(token)
        assert allowed(state) == mask
    cheap = np.zeros(-(-VOCAB.width // 32), np.int32)
    if state.cheap_mask(cheap):
        assert mask <= set(np.flatnonzero(unpack_mask(cheap, VOCAB.width)).tolist())


@pytest.mark.parametrize("width", [1, 31, 32, 33, 64, 65])
def test_pack_mask(width):
    bits = np.random.default_rng(width).random(width) < 0.5
    assert (unpack_mask(pack_mask(bits), width) == bits).all()


def test_product():
    both = GrammarConstraint(GRAMMAR) * predicate(lambda text: "aa" not in text)
    assert isinstance(both, Product)
    assert at(both, "a").check(ids("b")[0])
    assert not at(both, "a").check(ids("a")[0])
    assert at(both, "ab").check(END)
    three = Product([both, NoConstraint()])
    assert len(three.parts) == 3
    with pytest.raises(ValueError, match="nothing"):
        Product([])


def test_product_asks_the_grammar_first():
    slow = predicate(lambda text: True, name="slow")
    state = Product([slow, GrammarConstraint(GRAMMAR)]).start(VOCAB)
    slow.n_asked = 0
    mask = allowed(state)
    assert slow.n_asked == len(mask) < 10


def test_as_constraint():
    assert isinstance(as_constraint(None), NoConstraint)
    assert isinstance(as_constraint(GRAMMAR), GrammarConstraint)
    assert isinstance(as_constraint([GRAMMAR, None]), Product)
    for bad in ("a+", 3, lambda text: True):
        with pytest.raises(TypeError, match="constraint is"):
            as_constraint(bad)


def test_grammar_with_a_token_budget():
    state = GrammarConstraint(GRAMMAR, max_tokens=3).start(VOCAB)
    assert {TOKENS.index(b"a"), TOKENS.index(b"abc")} <= allowed(state)
    state.advance(TOKENS.index(b"a"))
    assert allowed(state) == {TOKENS.index(t) for t in (b"a", b"b", b"c", b"ab", b"abc")}
    state.advance(TOKENS.index(b"b"))
    assert allowed(state) == {END}
    with pytest.raises(gcd.TokenBudgetError, match="suffices"):
        GrammarConstraint(GRAMMAR, max_tokens=1)


def test_grammar_of_another_vocabulary():
    with pytest.raises(SamplingError, match="another vocabulary"):
        GrammarConstraint(GRAMMAR).start(Vocabulary.from_bytes([b"a", None], eos_ids=[1]))
    with pytest.raises(ValueError, match="start symbol"):
        GrammarConstraint(GRAMMAR, "nope")


class TestPredicate:
    def test_answers_are_kept(self):
        asked = []
        constraint = predicate(lambda text: asked.append(text) is None)
        one, two = at(constraint, "ab"), at(constraint, "ab")
        assert one.check(0)
        assert two.check(0)
        assert len(asked) == len(set(asked))

    def test_characters_are_whole(self):
        seen = set()
        state = predicate(lambda text: seen.add(text) is None).start(VOCAB)
        first, second = TOKENS.index("é".encode()[:1]), TOKENS.index("é".encode()[1:])
        assert not state.check(second)
        state.advance(first)
        assert not state.check(END)
        assert not state.check(0)
        state.advance(second)
        assert state.check(END)
        assert seen == {"", "é"}

    def test_bytes_and_ids_see_everything(self):
        seen = []
        predicate(lambda data: seen.append(data) is None, unit="bytes").start(VOCAB).check(END - 1)
        predicate(lambda data: seen.append(data) is None, unit="ids").start(VOCAB).check(END - 1)
        assert seen == [b"", "é".encode()[1:], (), (END - 1,)]

    def test_raises(self):
        state = predicate(lambda text: not text or bool(1 / (text != "a")), name="fragile").start(VOCAB)
        assert state.check(ids("b")[0])
        with pytest.raises(PredicateError, match="ZeroDivisionError") as error:
            state.check(ids("a")[0])
        assert "fragile" in error.value.place
        assert "'a'" in error.value.place

    @pytest.mark.parametrize("answer", [None, 1, "yes", []])
    def test_no_bool(self, answer):
        with pytest.raises(PredicateError, match="no bool"):
            predicate(lambda text: answer).start(VOCAB)

    def test_numpy_bool(self):
        assert predicate(lambda text: np.bool_(True)).start(VOCAB).check(0)

    def test_batched_gives_too_few(self):
        with pytest.raises(PredicateError, match="0 answers for 1"):
            predicate(lambda many: [], batched=True).start(VOCAB)

    def test_nothing_is_viable(self):
        with pytest.raises(SamplingError, match="empty prefix"):
            predicate(lambda text: False).start(VOCAB)

    def test_not_prefix_closed(self):
        state = predicate(lambda text: text != "a", name="odd").start(VOCAB)
        assert not state.check(ids("a")[0])
        with pytest.raises(PredicateError, match="isn't prefix-closed: 'ab' is viable, its beginning 'a' is not"):
            state.check(TOKENS.index(b"ab"))

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="unit"):
            predicate(lambda text: True, unit="lines")
        with pytest.raises(TypeError):
            predicate("a")


@pytest.mark.parametrize(
    ("constraint", "good", "beginnings", "bad"),
    [
        (regex(r"(a|b)-\1"), ["a-a", "b-b"], ["a", "a-"], ["a-b", "x", "a-ab"]),
        (regex(r"(?=.*z)[a-z]+"), ["az"], ["a"], ["A"]),
        (
            python_source(),
            ["x = 1\n", "def f(x):\n    return x\n", "for i in x:\n  if i:\n    pass\n", "if x:\n  y\n"],
            ["def f(", "def f(x):\n", "x = (1,\n", "try:\n  x\n"],
            ["x = = 1\n", "def f(x):\nreturn\n", "  x\ny\n"],
        ),
    ],
)
def test_ready_made(constraint, good, beginnings, bad):
    for text in good:
        assert at(constraint, text).check(END), text
    for text in beginnings:
        assert not at(constraint, text).check(END), text
    for text in bad:
        with pytest.raises(SamplingError):
            at(constraint, text).advance(END)


def test_sqlite():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE singer (name TEXT, age INT)")
    constraint = sqlite(connection)
    for text in ("SELECT name FROM singer", "SELECT count(*) FROM singer WHERE age > 3", "DROP TABLE singer"):
        assert at(constraint, text).check(END), text
    for text in ("SELECT", "SELECT nam", "SELECT nope FROM singer", "SELECT 'a", ""):
        assert not at(constraint, text).check(END), text
    for text in ("SELECT FROM FROM x", "SELECT 1; SELECT 2"):
        with pytest.raises(SamplingError):
            at(constraint, text).advance(END)
    assert connection.execute("SELECT count(*) FROM singer").fetchone() == (0,)  # nothing was run


def test_lark_parse():
    import lark

    state = at(lark_parse(lark.Lark('start: "a" "b"')), "a")
    assert not state.check(END)
    state.advance(ids("b")[0])
    assert state.check(END)


def test_canonical():
    def encode(text):
        from gcd.sampling.table_model import encode_greedily

        return encode_greedily(VOCAB, text.encode())

    def decode(tokens):
        return b"".join(TOKENS[t] for t in tokens).decode("utf-8", "replace")

    constraint = canonical(encode, decode)
    state = constraint.start(VOCAB)
    state.advance(TOKENS.index(b"abc"))
    assert state.check(END)
    assert not at(constraint, "abc").check(END)  # a token for each letter: not what the tokenizer does
    with pytest.raises(SamplingError):
        at(constraint, "abcdefgh")


@pytest.mark.parametrize("name", ["smiles", "json_schema"])
def test_missing_packages_are_named(name, monkeypatch):
    import sys

    from gcd.sampling import predicates

    package = {"smiles": "partialsmiles", "json_schema": "jsonschema"}[name]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SamplingError, match=f"needs the package {package}"):
        getattr(predicates, name)(*({},) * (name == "json_schema"))


def test_regexes_have_a_time_limit():
    slow = regex(r"((a|aa)+)+\1\1c", timeout=0.05)
    with pytest.raises(PredicateError, match="TimeoutError"):
        slow.ask(["a" * 60], whole=True)


def test_smiles():
    pytest.importorskip("partialsmiles")
    molecules = smiles()
    assert molecules.ask(["", "C1CC", "C(", "c1ccc", "CC(=O", "[NH"]) == [True] * 6
    assert molecules.ask(["CCO", "c1ccccc1", "[NH4+]"], whole=True) == [True] * 3
    assert molecules.ask(["C1CC", "C(", ""], whole=True) == [False] * 3
    assert molecules.ask(["C)", "FC(F)(F)(F)F", "x"]) == [False] * 3


def test_wrong_regex():
    with pytest.raises(ValueError, match="regex '\\('"):
        regex("(")
