"""``gcd sample``: samples, summary, files, mistakes; with an n-gram model, so without downloads of weights."""

import json
import re
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner

import gcd
from gcd.cli import main
from gcd.sampling import NGramModel, predicate
from gcd.sampling.plot import Panel, chart, to_svg

VOCAB = gcd.Vocabulary.from_bytes([bytes([c]) for c in range(97, 123)] + [b" ", b"\n", None], eos_ids=[28])


def run(*args):
    return CliRunner().invoke(main, ["sample", *map(str, args)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    grammar = 'start: "the" " " ("cat" | "dog" | "cow") " " ("sat" | "ran")\nother: "a"\n'
    (folder / "pets.lark").write_text(grammar)
    (folder / "pets.txt").write_text("the cat sat\nthe dog ran\nthe cat ran\n" * 5)
    ir = gcd.Grammar.from_lark(grammar, start=["start", "other"])
    gcd.compile(ir, VOCAB).save(folder / "pets.gcd")
    return folder


@pytest.mark.parametrize("method", ["local", "awrs", "smc", "asap", "weighted", "cars", "mcmc"])
def test_table(folder, method):
    done = run(folder / "pets.gcd", "-m", f"ngram:{folder}/pets.txt", "--method", method, "-n", 20)
    assert done.exit_code == 0, done.output
    for word in ('"the cat ', "law  ", "ESS", "model calls"):
        assert word in done.output


def test_a_trie_is_kept_from_run_to_run(folder, tmp_path):
    args = (folder / "pets.gcd", "-m", f"ngram:{folder}/pets.txt", "--method", "cars", "-n", 20)
    trie = tmp_path / "pets.efg"
    first = run(*args, "--option", f"trie={trie}")
    assert first.exit_code == 0, first.output
    size = trie.stat().st_size
    again = run(*args, "--option", f"trie={trie}", "--seed", 2)
    assert again.exit_code == 0, again.output
    assert trie.stat().st_size >= size
    other = run(*args, "--option", f"trie={trie}", "--temperature", 0.5)
    assert other.exit_code != 0
    assert "the trie belongs to another law" in other.output


def test_json_lines_and_files(folder, tmp_path):
    args = (folder / "pets.gcd", "-m", f"ngram:{folder}/pets.txt", "--method", "smc", "-n", 6, "--seed", 3)
    done = run(*args, "--json", "-o", tmp_path / "out.jsonl", "--plot", tmp_path / "out.svg", "--temperature", 1.5)
    assert done.exit_code == 0, done.output
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(records) == 6
    assert sum(r["weight"] for r in records) == pytest.approx(1)
    assert all(r["text"].startswith("the ") and r["finish"] == "eos" for r in records if r["weight"])
    assert (tmp_path / "out.jsonl").read_text() == done.stdout
    svg = ET.fromstring((tmp_path / "out.svg").read_text())
    assert "effective sample size" in "".join(svg.itertext())
    assert run(*args, "--json").stdout == run(*args, "--json").stdout


def test_start_symbol_and_prompt(folder, tmp_path):
    (tmp_path / "prompt").write_text("the")
    args = (folder / "pets.gcd", "-m", f"ngram:{folder}/pets.txt", "-s", "other", "--prompt-file", tmp_path / "prompt")
    assert '"a"' in run(*args).output


def test_warnings_are_shown(folder):
    done = run(folder / "pets.gcd", "-m", f"ngram:{folder}/pets.txt", "--method", "smc", "--max-tokens", 3)
    assert done.exit_code == 0
    assert "no text was finished within 3 tokens" in done.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--method", "magic"], "there are local"),
        (["--option", "x=1"], "it has always_mask"),
        (["--option", "always_mask"], "it has always_mask"),
        (["--method", "smc", "--option", "resampler=x"], "no resampler 'x'"),
        (["-n", "0"], "0 is not in the range"),
        (["--temperature", "0"], "range"),
        (["-s", "nope"], "no start symbol"),
    ],
)
def test_wrong_usage(folder, args, words):
    done = run(folder / "pets.gcd", "-m", f"ngram:{folder}/pets.txt", *args)
    assert done.exit_code == 2
    assert words in done.output


def test_missing_files(folder):
    assert run(folder / "nope.gcd", "-m", f"ngram:{folder}/pets.txt").exit_code == 6
    assert run(folder / "pets.gcd", "-m", f"ngram:{folder}/nope.txt").exit_code == 8
    assert run(folder / "pets.lark", "-m", f"ngram:{folder}/pets.txt").exit_code == 2


def texts(svg):
    return "".join(ET.fromstring(svg).itertext())


def test_plots():
    model = NGramModel.from_texts(["abc", "abd", "b"] * 3, VOCAB)
    few = predicate(lambda text: len(text) < 4 and "<" not in text)
    assert "KL(drawn || target)" in texts(to_svg(gcd.sample(model, few, n=30, method="awrs", seed=2)))
    assert "step" in texts(to_svg(gcd.sample(model, few, n=30, method="smc", seed=2)))
    assert "KL" not in texts(to_svg(gcd.sample(model, few, n=5, seed=2)))  # equal weights say nothing
    assert "different texts" in texts(to_svg(gcd.sample(model, few, n=1, seed=2)))
    with pytest.warns(gcd.sampling.SamplingWarning):
        dead = gcd.sample(model, predicate(lambda t: True, lambda t: False), n=5, method="smc", max_tokens=3)
    assert "no draw satisfied" in texts(to_svg(dead))


def test_charts_show_single_points_and_logarithms():
    panel = Panel("t", {"a": [(1, 1e-3), (10, 1e-1), (100, 1e-2)], "b": [(10, 1e-2)]}, "samples", log=True)
    svg = chart([panel])
    dots = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)
    assert len(dots) == 4
    (x0, y0), (x1, y1), (x2, y2), one = [(float(x), float(y)) for x, y in dots]
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)  # a factor of ten is as wide as the other
    assert y0 - y2 == pytest.approx(y2 - y1, abs=0.2)
    assert one == (x1, y2)
    assert all(f">{text}</text>" in svg for text in ("0.001", "0.1", "samples", "b"))
    (dot,) = re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)"', chart([Panel("t", {"a": [(3, 0)]}, y_range=(0, 1))]))
    assert float(dot) == pytest.approx(max(y0, y1, y2))  # at the bottom
