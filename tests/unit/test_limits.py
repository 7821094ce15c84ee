"""Limits are checked values, and their errors carry the numbers."""

import math
from dataclasses import FrozenInstanceError, fields

import pytest

from gcd import LimitError, Limits
from gcd.limits import Deadline


def test_defaults_are_generous_and_safe():
    limits = Limits()
    assert limits.max_terminals >= 50_000  # an enum of as many words compiles
    assert limits.max_repeat >= 10_000
    assert limits.seconds == 60


@pytest.mark.parametrize("field", [f.name for f in fields(Limits)])
@pytest.mark.parametrize("bad", [0, -1, math.nan])
def test_refuses_what_is_not_positive(field, bad):
    with pytest.raises((ValueError, TypeError), match=f"Limits.{field} must be"):
        Limits(**{field: bad})


@pytest.mark.parametrize("field", [f.name for f in fields(Limits)])
@pytest.mark.parametrize("bad", ["1", None, True])
def test_refuses_other_types(field, bad):
    with pytest.raises(TypeError, match=f"Limits.{field} must be"):
        Limits(**{field: bad})


def test_frozen_and_keyword_only():
    with pytest.raises(FrozenInstanceError):
        Limits().seconds = 3
    with pytest.raises(TypeError):
        Limits(4_000_000)


def test_check():
    limits = Limits(max_repeat=10)
    limits.check("max_repeat", 10)
    with pytest.raises(LimitError) as caught:
        limits.check("max_repeat", 11, source="a~11", line=1, column=3)
    assert (caught.value.limit, caught.value.allowed, caught.value.reached) == ("max_repeat", 10, 11)
    assert caught.value.snippet == "  a~11\n    ^"


def test_deadline(monkeypatch):
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    deadline = Limits(seconds=5).deadline()
    now = 104.0
    deadline.check("determinisation")
    assert deadline.remaining == 1
    now = 106.0
    assert deadline.remaining == 0
    with pytest.raises(LimitError, match=r"determinisation: seconds: 6.0 is over the limit of 5") as caught:
        deadline.check("determinisation")
    assert caught.value.limit == "seconds"
    Deadline().check("no end")
