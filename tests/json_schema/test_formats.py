"""Formats: nothing is accepted that jsonschema's checker refuses, and what is refused of what it accepts is known."""

import datetime
import random
import warnings

import jsonschema
import pytest
from json_schema.format_samples import SAMPLES, mutant
from json_schema.reference import is_valid

from gcd import json_schema
from gcd.json_schema.formats import FORMATS

CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER

EXPLAINED = {
    # RFC 3339, 5.6: "date-fullyear = 4DIGIT"; Python's dates begin with year 1.
    "date": lambda text: text.startswith("0000"),
    # RFC 3339, 5.6: "time-second = 2DIGIT ; 00-58, 00-59, 00-60 based on leap second rules"
    "date-time": lambda text: text.startswith("0000") or ":60" in text,
    "time": lambda text: ":60" in text,
    # RFC 3986, 3.2.2: IPvFuture = "v" 1*HEXDIG ..., and strings in ABNF are case-insensitive (RFC 5234, 2.3)
    "uri": lambda text: "[V" in text,
    "uri-reference": lambda text: "[V" in text,
}


def program_of(name):
    return json_schema.load({"format": name}).program


def theirs(name, text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `re` about odd sets
        try:
            return CHECKER.conforms(text, name)
        except Exception:  # a checker that breaks doesn't accept
            return False


def test_every_format_of_the_specification_is_there():
    assert set(FORMATS) == set(SAMPLES)
    assert set(FORMATS) == set(CHECKER.checkers) - {"color"}  # which is draft 3's


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_and_their_mutants(name):
    program = program_of(name)
    rnd = random.Random(name)
    accepted = 0
    for text in SAMPLES[name]:
        assert is_valid(program, text), text
        assert theirs(name, text), text
    for _ in range(150):
        text = mutant(rnd, rnd.choice(SAMPLES[name]))
        if is_valid(program, text):
            accepted += 1
            assert theirs(name, text) or EXPLAINED.get(name, lambda _: False)(text), text
    assert accepted


@pytest.mark.parametrize("name", [name for name in SAMPLES if not FORMATS[name].tightened])
def test_exact_formats_refuse_only_what_the_rfc_refuses(name):
    """jsonschema's own checkers are laxer than the RFCs for these five."""
    if name in ("email", "idn-email", "duration", "uri-template", "uuid"):
        return
    program = program_of(name)
    rnd = random.Random(name + "!")
    for _ in range(150):
        text = mutant(rnd, rnd.choice(SAMPLES[name]))
        if not is_valid(program, text):
            assert not theirs(name, text), text


def test_all_dates_of_some_years():
    program = program_of("date")
    for year in (1900, 2000, 2023, 2024):
        for month in range(14):
            for day in range(33):
                text = f"{year:04}-{month:02}-{day:02}"
                try:
                    expected = bool(datetime.date(year, month, day))
                except ValueError:
                    expected = False
                assert is_valid(program, text) == expected, text


def test_leap_seconds_are_the_last_of_a_day_in_utc():
    time, date_time = program_of("time"), program_of("date-time")
    rnd = random.Random(3)
    n_valid = 0
    for _ in range(400):
        offset = rnd.randint(-1439, 1439)
        minutes = (1439 + offset) % 1440 if rnd.random() < 0.6 else rnd.randint(0, 1439)
        sign = "-" if offset < 0 else "+"
        text = f"{minutes // 60:02}:{minutes % 60:02}:60{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
        assert is_valid(time, text) == ((minutes - offset) % 1440 == 1439), text
        day = rnd.choice(["2016-12-31", "2017-01-01", "2015-06-30", "2015-07-01", "2015-07-02"])
        utc = datetime.datetime.fromisoformat(day) + datetime.timedelta(minutes=minutes - offset)
        expected = (utc.hour, utc.minute) == (23, 59) and (utc.month, utc.day) in ((6, 30), (12, 31))
        n_valid += expected
        assert is_valid(date_time, f"{day}T{text}") == expected, (day, text)
    assert n_valid > 50


def test_labels_that_idna_takes_fit():
    """What is in the language of idn-hostname can be written in Punycode; the bound on its length holds."""
    idna = pytest.importorskip("idna")
    program = program_of("idn-hostname")
    rnd = random.Random(5)
    alphabets = ["абвгдежзиклмн", "실례테스트", "ñüéa-1bz", "אבגד1", "日本語ア", "𐐨𐐩a", "aeß-9"]
    n_valid = 0
    for _ in range(200):
        letters = rnd.choice(alphabets)
        text = "".join(rnd.choices(letters, k=rnd.randint(1, 24)))
        if rnd.random() < 0.3:
            text += rnd.choice([".", "。", "．"]) + "".join(rnd.choices(rnd.choice(alphabets), k=rnd.randint(1, 8)))
        if is_valid(program, text):
            n_valid += 1
            idna.encode(text)  # raises if it is no host name
    assert n_valid > 40


def test_domains_of_idn_email_do_not_begin_with_a_mark():
    program = program_of("idn-email")
    assert is_valid(program, "a@cafe\u0301.com")
    assert not is_valid(program, "a@\u0301cafe.com")
    assert not is_valid(program, "a@☃.com")


def test_annotate_asserts_nothing():
    grammar = json_schema.load({"format": "ipv4"}, format="annotate")
    assert is_valid(grammar.program, "x")
    assert grammar.coverage[0].status == "annotation"


def test_tightened_formats_say_so():
    grammar = json_schema.load({"properties": {"h": {"format": "hostname"}}})
    (entry,) = grammar.tightened
    assert (entry.pointer, entry.status) == ("#/properties/h/format", "tightened")
    assert "xn--" in entry.why
    assert entry in grammar.coverage
    assert not is_valid(grammar.program, {"h": "xn--9n2bp8q"})


def test_formats_outside_of_the_specification_are_annotations():
    grammar = json_schema.load({"format": "color", "$defs": {"a": {}}})
    assert is_valid(grammar.program, "no color")
    assert grammar.coverage[0].status == "annotation"
    assert "no format 'color'" in grammar.coverage[0].why
    assert grammar.warnings == ()
    (warning,) = json_schema.load({"format": "datetime"}).warnings
    assert "'date-time'" in warning
