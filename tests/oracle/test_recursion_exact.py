"""Recursive compositions: every mask beside a machine that follows all derivations of a text, character by character.

What is random is a definition: characters and small languages, one after another, one or another, at most once, over
and over, and what is being defined itself. Definitions that begin with themselves or never end must be refused, and no
others: that is decided here in another way than in gcd.
"""

import random
from functools import cache

import numpy as np
import pytest

import gcd
from gcd.composition import optional, recursive, repeated

WORDS = ["ab", "a1", "1a", "][", "[[", "]]", "a]", "1]]", "[a", "[1]", "]]]"]
VOCAB = gcd.Vocabulary.from_bytes([*(bytes([b]) for b in range(256)), *map(str.encode, WORDS), None], eos_ids=[267])
TOKENS = [*b"ab1[]", *range(256, 256 + len(WORDS))]
DEPTH_REFUSED = 60
"""A derivation with so many calls before the first character goes on without end."""

LETTERS = ("then", ("or", "a", "b"), ("star", ("or", "a", "b")))
LEAVES = {"a": "a", "1": "1", "[": r"\[", "]": "]", LETTERS: "[ab]+"}


@cache
def leaf(pattern: str) -> gcd.CompiledGrammar:
    return gcd.compile(gcd.Grammar.from_regex(pattern), VOCAB)


def random_definition(draw: random.Random, depth: int, selves: int = 1):
    kind = draw.choice(["then", "then", "then", "or", "or", "option", "star", "leaf", "self", "inner"])
    if kind == "self" and depth < 3:
        return ("self", draw.randrange(selves))
    if depth == 0 or kind in ("leaf", "self"):
        return draw.choice(list(LEAVES))
    if kind == "inner":
        return ("define", random_definition(draw, depth - 1, selves + 1)) if selves == 1 else "a"
    one = random_definition(draw, depth - 1, selves)
    return (kind, one) if kind in ("option", "star") else (kind, one, random_definition(draw, depth - 1, selves))


def composed(tree, selves=()):
    if tree in LEAVES:
        return leaf(LEAVES[tree])
    match tree:
        case ("self", n):
            return selves[n]
        case ("define", inner):
            return recursive(lambda it: composed(inner, (*selves, it)))
        case ("option", one):
            return optional(composed(one, selves))
        case ("star", one):
            return repeated(composed(one, selves))
        case ("then", one, other):
            return composed(one, selves) + composed(other, selves)
        case ("or", one, other):
            return composed(one, selves) | composed(other, selves)


class Endless(Exception):
    pass


def ahead(stacks, selves=()):
    """All ways to stand in front of a character: (what is to be read, definitions around it), innermost last."""
    todo, seen = list(stacks), set(stacks)
    while todo:
        stack = todo.pop()
        if not stack or isinstance(stack[-1][0], str):
            continue
        (tree, scope), rest = stack[-1], stack[:-1]
        match tree:
            case ("self", n):
                ways = [(*rest, (scope[n][0], scope[: n + 1]))]
            case ("define", inner):
                ways = [(*rest, (inner, (*scope, (inner,))))]
            case ("option", one):
                ways = [rest, (*rest, (one, scope))]
            case ("star", one):
                ways = [rest, (*rest, (tree, scope), (one, scope))]
            case ("then", one, other):
                ways = [(*rest, (other, scope), (one, scope))]
            case ("or", one, other):
                ways = [(*rest, (one, scope)), (*rest, (other, scope))]
        for way in ways:
            if len(way) > len(rest) + DEPTH_REFUSED:
                raise Endless
            if way not in seen:
                seen.add(way)
                todo.append(way)
        if len(seen) > 3000:
            raise Endless
    return {s for s in seen if not s or isinstance(s[-1][0], str)}


def after(stacks, text):
    for character in text:
        stacks = ahead([s[:-1] for s in stacks if s and s[-1][0] == character])
    return stacks


def has_sentence(tree, known=()) -> bool:
    """Whether a definition can end; `known`: whether the ones around it are taken to."""
    if isinstance(tree, str):
        return True
    match tree:
        case ("self", n):
            return known[n]
        case ("define", inner):
            return has_sentence(inner, (*known, False))
        case ("option" | "star", _):
            return True
        case ("then", one, other):
            return has_sentence(one, known) and has_sentence(other, known)
        case ("or", one, other):
            return has_sentence(one, known) or has_sentence(other, known)


def all_end(tree, known=()) -> bool:
    """Whether no definition in it is without a sentence."""
    if isinstance(tree, str) or tree[0] == "self":
        return True
    if tree[0] == "define":
        return has_sentence(tree, known) and all_end(tree[1], (*known, True))
    return all(all_end(x, known) for x in tree[1:])


def bits(matcher) -> set[int]:
    mask = np.zeros(-(-VOCAB.width // 32), np.int32)
    matcher.fill_bitmask(mask)
    return {i for i in range(VOCAB.width) if mask[i // 32] >> (i % 32) & 1}


def check(tree, draw) -> bool:
    """Compares random texts; False if the definition is one to be refused."""
    try:
        start = ahead([((tree, ()),)])
    except Endless:
        start = None
    if start is None or not all_end(tree):
        with pytest.raises(gcd.GrammarError, match=r"begins with itself|has no sentence"):
            composed(tree)
        return False
    try:
        compiled = composed(tree)
    except gcd.UnsupportedError:
        # It begins with itself somewhere, behind other characters than these.
        return False
    assert compiled.exactness.exact
    for _ in range(3):
        matcher, stacks = compiled.matcher(), start
        for _ in range(7):
            complete = () in stacks
            assert matcher.is_complete == complete
            try:
                ways = {t: after(stacks, VOCAB.tokens[t].decode()) for t in TOKENS}
            except Endless:
                break
            allowed = bits(matcher)
            assert {t for t in TOKENS if t in allowed} == {t for t, s in ways.items() if s}, tree
            assert (VOCAB.eos_ids[0] in allowed) == complete
            texts = [t for t in TOKENS if ways[t]]
            if not texts:
                break
            token = draw.choice(texts)
            assert matcher.check(token)
            assert matcher.accept(token)
            stacks = ways[token]
    return True


@pytest.mark.parametrize("seed", range(6))
def test_masks_of_random_definitions(seed):
    draw = random.Random(seed)
    checked = sum(check(("define", random_definition(draw, 4)), draw) for _ in range(15))
    assert checked >= 3


TREE = ("define", ("or", LETTERS, ("then", ("then", "[", ("star", ("self", 0))), "]")))


def test_masks_of_nested_lists():
    for seed in range(6):
        assert check(TREE, random.Random(seed))


@pytest.mark.parametrize(
    ("tree", "cause"),
    [
        (("define", ("self", 0)), "has no sentence"),
        (("define", ("then", "a", ("self", 0))), "has no sentence"),
        (("define", ("or", "a", ("then", ("self", 0), "1"))), "begins with itself"),
        (("define", ("or", "a", ("then", ("option", "1"), ("then", ("self", 0), "1")))), "begins with itself"),
        (("define", ("or", "a", ("star", ("self", 0)))), "begins with itself"),
        (("define", ("or", "a", ("define", ("or", ("self", 0), "1")))), "begins with itself"),
    ],
    ids=str,
)
def test_refusals(tree, cause):
    with pytest.raises(gcd.GrammarError, match=cause):
        composed(tree)


def test_a_definition_used_twice():
    """Each use is one of its own."""
    one = composed(TREE)
    two = one + leaf("1") + one
    matcher = two.matcher()
    assert matcher.accept_bytes(b"[[a]b]1[[]]")
    assert matcher.is_complete
    assert not two.matcher().accept_bytes(b"[[a]b]]1")


def test_deep_texts():
    """Brackets cost a stack, tail calls none."""
    compiled = composed(TREE)
    matcher = compiled.matcher()
    assert matcher.accept_bytes(b"[" * 3000 + b"a" + b"]" * 3000)
    assert matcher.is_complete
    words = recursive(lambda it: leaf("[ab]1") + optional(it))
    matcher = words.matcher()
    assert matcher.accept_bytes(b"a1b1" * 3000)
    assert matcher.is_complete
