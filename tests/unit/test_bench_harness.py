"""The benchmark's own arithmetic: statistics, comparison and judgement of masks, walks, the report."""

import dataclasses
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

WHY = "the project's root is not on the path: run as python -m pytest"
main = pytest.importorskip("bench.__main__", reason=WHY)
stats = pytest.importorskip("bench.harness.stats", reason=WHY)
compare = pytest.importorskip("bench.harness.compare", reason=WHY)
job = pytest.importorskip("bench.harness.job", reason=WHY)
worker = pytest.importorskip("bench.harness.worker", reason=WHY)
report = pytest.importorskip("bench.harness.report", reason=WHY)
cfg = pytest.importorskip("bench.cfg", reason=WHY)

FOREVER = 2**62


class TestCommands:
    def test_every_module_with_a_main_is_one_with_its_first_line(self):
        known = main.commands()
        assert known["cfg"].startswith("Context-free grammars")
        assert not any(name.startswith("_") for name in known)

    def test_help_lists_them_and_an_unknown_one_fails(self, capsys):
        assert main.main(["--help"]) == 0
        assert "  cfg " in capsys.readouterr().out
        assert main.main(["no-such"]) == 2
        assert "no-such" in capsys.readouterr().err

    def test_options_are_checked_before_anything_runs(self, capsys):
        with pytest.raises(SystemExit):
            cfg.parse(["--grammars", "json,cobol"])
        assert "choose from json, arithmetic, sql, python" in capsys.readouterr().err
        assert cfg.parse(["--engines", "gcd,xgrammar"]).engines == ["gcd", "xgrammar"]


class TestStatistics:
    def test_quantiles_are_times_that_were_measured(self):
        found = stats.summarize(np.arange(1, 1001) * 1000)
        assert (found.n, found.p50, found.p90, found.p99, found.p999, found.max) == (1000, 500, 900, 990, 999, 1000)
        assert found.mean == 500.5
        assert stats.summarize(np.array([])) is None

    def test_repeats_are_reduced_figure_by_figure(self):
        disturbed, calm, also_calm = (np.array([1000, 1000, top]) for top in (9_000_000, 3000, 2000))
        found = stats.summarize_repeats([disturbed, calm, also_calm])
        assert (found.n, found.p50, found.max) == (3, 1, 3)

    def test_the_tail_begins_at_everything_and_ends_at_the_slowest(self):
        tail = stats.tail(np.random.default_rng(0).permutation(np.arange(1, 5001)) * 1000)
        assert tail[0] == (1, 1)
        assert tail[-1] == (5000, 1 / 5000)
        assert [t for t, _ in tail] == sorted(t for t, _ in tail)
        assert all(share == pytest.approx((5001 - t) / 5000) for t, share in tail)

    def test_means_are_compared_on_the_positions_that_both_walked(self):
        ours = [np.array([1000, 1000, 4000]), np.array([1000])]
        theirs = [np.array([10_000, 20_000]), np.array([30_000, 999_000])]
        assert stats.common_means(ours, theirs) == (1, 20, 3)
        assert stats.common_means(ours, [])[2] == 0

    def test_reading_the_clock_takes_some_time_and_little(self):
        found = stats.clock_overhead(1000)
        assert 0 <= found.p50 < 50


def test_packed_lists_come_back():
    for texts in ([[1, 2], [], [3]], [[]], []):
        assert [part.tolist() for part in job.unpack(*job.pack(texts))] == texts


# -- walks ------------------------------------------------------------------------------------


class Language:
    """The tokens 0 to 9 in rising order, then 10 as the end; complete after a 9."""

    def __init__(self, lies_about=None):
        self.row = np.zeros((1, 1), dtype=np.int32)
        self.lies_about = lies_about

    def session(self):
        state = SimpleNamespace(last=-1)

        def allowed(token):
            return state.last < token <= 9

        def fill():
            bits = sum(1 << t for t in range(10) if allowed(t)) | (1 << 10) * (state.last == 9)
            self.row[0, 0] = bits ^ (1 << self.lies_about if self.lies_about is not None else 0)

        def accept(token):
            if not allowed(token):
                return False
            state.last = token
            return True

        return worker.Session(fill, accept, allowed, lambda: state.last == 9)


def verify(language, tokens, deadline=FOREVER):
    task = object.__new__(worker.Verify)
    task.ids, task.masks, task.times = {}, [], [[]]
    visit = []
    row = language.row[0].view(np.uint32)
    return task.verdict(language.session(), tokens, row, [10], visit, deadline), visit, task


class TestWalks:
    def test_a_mask_at_every_position_and_at_the_end(self):
        masks, accepts = worker.walk(Language().session(), [1, 4, 9], FOREVER)
        assert (len(masks), len(accepts)) == (4, 3)

    def test_the_first_mask_counts_as_it_was_measured(self):
        masks, _ = worker.walk(Language().session(), [1, 4, 9], FOREVER, first=77)
        assert len(masks) == 4
        assert masks[0] == 77

    def test_a_deadline_ends_it_in_the_middle(self):
        masks, accepts = worker.walk(Language().session(), [1, 4, 9], 0)
        assert (len(masks), len(accepts)) == (1, 1)

    def test_a_refused_token_is_no_result(self):
        with pytest.raises(worker.RefusedError, match="token 2 after 1 others"):
            worker.walk(Language().session(), [4, 2], FOREVER)
        with pytest.raises(worker.RefusedError):
            worker.walk_checks(Language().session(), [4, 2], [0, 0], FOREVER)

    def test_checks_come_in_three_columns(self):
        columns = worker.walk_checks(Language().session(), [1, 4, 9], [0, 0, 0], FOREVER)
        assert [len(column) for column in columns] == [3, 3, 3]

    @pytest.mark.parametrize(
        ("language", "tokens", "verdict"),
        [
            (Language(), [1, 9], "accepted"),
            (Language(), [1, 1], "token 1 is not in the mask"),
            (Language(), [1, 4], "the end is not in the mask"),
            (Language(lies_about=4), [1, 4, 9], "token 1 is not in the mask, yet accepted"),
            (Language(lies_about=1), [2, 1, 9], "token 1 is in the mask and refused"),
            (Language(lies_about=10), [1, 4], "the end is in the mask, yet the text is not complete"),
        ],
    )
    def test_verdicts(self, language, tokens, verdict):
        assert verify(language, tokens)[0] == verdict

    def test_out_of_time_a_text_is_judged_without_masks(self):
        assert verify(Language(), [1, 4, 9], 0)[:2] == ("accepted, masks only in part", [0])
        assert verify(Language(), [1, 4, 2], 0)[0] == "token 2 is refused"
        assert verify(Language(), [1, 4], 0)[0] == "the text is not complete"

    def test_equal_masks_are_kept_once(self):
        _, visit, task = verify(Language(), [9])
        assert visit == [0, 1]
        again = verify(Language(), [1, 9])[1]
        assert again == [0, 1, 2]
        assert len(task.masks) == 2

    def test_an_ending_is_the_rest_of_the_text_or_found(self):
        task = object.__new__(worker.Complete)
        task.job = SimpleNamespace(closers=[[[3], [9]], [[5]]])
        task.engine = Language()
        task.engine.session = lambda compiled, make=task.engine.session: make()
        assert task.ending(None, [1], 2, [4, 9]) == [4, 9]
        assert task.ending(None, [1], 5, [4, 6, 9]) == [6, 9]
        assert task.ending(None, [1], 9, [4]) == []
        assert task.ending(None, [4], 1, [9]) is False
        task.job.closers = [[[1, 9]], [[0]]]
        assert task.ending(None, [1], 2, [0]) is None


# -- masks against masks ----------------------------------------------------------------------


def answer(texts):
    """What a verify job would bring back of texts that are lists of masks (32 bits)."""
    known, visits = {}, []
    for text in texts:
        visits.append([known.setdefault(mask, len(known)) for mask in text])
    flat, ends = job.pack(visits)
    masks = np.array([list(known)], dtype=np.uint32).T
    digests = np.array([[m % 251, m // 251 % 251, *[0] * 14] for m in known], dtype=np.uint8)
    return job.Answer({}, {"visits": flat, "visits_ends": ends, "masks": masks, "digests": digests})


class TestComparison:
    def test_bits_are_counted_on_the_positions_that_both_walked(self):
        found = compare.compare(answer([[0b1, 0b110], [0b1]]), answer([[0b1, 0b011, 0b1], [0b101, 0b1]]), 10)
        assert (found.positions, found.equal, found.ours_only, found.theirs_only) == (3, 1, 1, 2)
        assert {(d.text, d.at, d.token, d.ours) for d in found.sample} == {
            (0, 1, 2, True),
            (0, 1, 0, False),
            (1, 0, 2, False),
        }

    def test_the_sample_is_bounded_and_takes_every_pair_of_masks_first(self):
        ours = [[1 << 16 | i for i in range(1, 4)]]
        theirs = [[0xFF00 | i for i in range(1, 4)]]
        found = compare.compare(answer(ours), answer(theirs), 6)
        assert len(found.sample) == 6
        assert Counter(d.ours for d in found.sample) == {True: 3, False: 3}

    def test_masks_that_were_not_kept_are_counted_as_such(self):
        ours, theirs = answer([[1]]), answer([[2]])
        theirs.arrays["masks"] = theirs.arrays["masks"][:0]
        found = compare.compare(ours, theirs, 10)
        assert (found.not_kept, found.sample) == (1, [])

    def test_lark_decides_who_is_wrong(self):
        def difference(ours):
            return compare.Difference(0, 0, 7, ours)

        texts = {"1 +2": True, "1 ?2": False}
        rows = [
            (difference(True), b"1 ", b"+", b"2"),
            (difference(True), b"1 ", b"?", b"2"),
            (difference(False), b"1 ", b"+", b"2"),
            (difference(False), b"1 ", b"?", b"2"),
            (difference(False), b"1 ", b"\xff", b"2"),
            (difference(False), b"1 ", b"+", None),
            (difference(True), b"1 ", b"+", False),
        ]
        judged = compare.judge(rows, texts.__getitem__)
        assert [j.verdict for j in judged] == [
            "Lark takes it",
            "Lark refuses it",
            "Lark takes it",
            "Lark refuses it",
            "not UTF-8",
            "no ending found",
            "refused by its own engine",
        ]
        result = compare.Comparison()
        compare.classify(result, judged, "arithmetic")
        assert [(s["allowed_by"], s["verdict"]) for s in result.suspects] == [
            ("gcd", "Lark refuses it"),
            ("the peer", "Lark takes it"),
            ("gcd", "refused by its own engine"),
        ]
        assert sum(result.classes.values()) == 7

    @pytest.mark.parametrize(
        ("grammar", "before", "token", "ending", "kind"),
        [
            ("json", b"", b" {", b"}", "white space before the first lexeme"),
            ("json", b"{}", b" ", b"", "white space after the last lexeme"),
            ("json", b"{}", b"", b"", "the end of the text"),
            ("sql", b"SELECT 1 ", "ın".encode(), b" (1)", "Unicode case folding (İ, ı, ſ, K)"),
            ("sql", b"SELECT 1", b"from", b" x", "a number runs into a word"),
            ("sql", b"SELECT a FROM t WHERE x ", b"inside", b"", "a keyword runs into a word"),
            ("sql", b"SELECT a AS or", b"der", b"", "a keyword as a name"),
            ("arithmetic", b"a + ", b"lambda", b"", "a keyword as a name"),
            ("arithmetic", b"a + ", b"?", b"", "other"),
        ],
    )
    def test_kinds(self, grammar, before, token, ending, kind):
        assert compare.reason(grammar, before, token, ending).replace("\u212a", "K") == kind.replace("\u212a", "K")


# -- the report -------------------------------------------------------------------------------


def summary(us):
    return dataclasses.asdict(stats.summarize(np.array([us * 1000])))


def small_record():
    ours = {
        "writings": {"grammars/json.lark": {"verdicts": {"accepted": 2}, "takes_known": True, "probe_mean_us": 1.0}},
        "writing": "grammars/json.lark",
        "phases": {"cold": summary(4000), "warm": summary(0.4), "unseen": summary(0.6), "accept, warm": summary(0.2)},
        "memo": {"cold": 0.5},
        "preempted": {"cold": 3},
        "clock": summary(0.04),
        "compile_and_first_mask_ms": [20, 30, 90],
        "memory_mb": {
            "process, vocabulary held": 60,
            "grammar, known texts walked": 1,
            "grammar, all texts walked": 2,
            "peak": 70,
        },
    }
    peer = {**ours, "against_gcd": {"warm": {"gcd_mean_us": 0.4, "mean_us": 8, "ratio": 20, "positions": 5}}}
    comparison = {
        "positions": 5,
        "equal": 3,
        "ours_only": 2,
        "theirs_only": 0,
        "not_kept": 0,
        "sample": 2,
        "classes": [{"kind": "other", "allowed_by": "gcd", "verdict": "Lark refuses it", "n": 2, "examples": []}],
        "suspects": [{"allowed_by": "gcd", "before": "a", "token": "b", "ending": "", "verdict": "Lark refuses it"}],
        "unexplained": [],
    }
    machine = {"cpu": "a CPU", "cpus": 2, "system": "Linux", "python": "3.11"}
    return {
        "when": "2026-01-01T00:00:00+00:00",
        "commit": "abc",
        "seconds": 60,
        "seed": 0,
        "machine": {**machine, "load_average_before": 3.0, "load_average_after": 0.1},
        "tokenizer": {"name": "llama3", "width": 128256},
        "versions": {"gcd": {"gcd-decoding": "0.1.0"}},
        "grammars": {
            "json": {"engines": {"gcd": ours, "llguidance": peer}, "comparisons": {"its.lark": comparison}},
            "python": {
                "engines": {"llguidance": {"writings": {"x.lark": {"unsupported": "a|b\nc"}}, "unsupported": "a|b\nc"}},
                "comparisons": {},
            },
            "sql": {"missing": "no data"},
        },
    }


class TestReport:
    def test_targets_stand_beside_the_figures(self):
        rows = {row.what: row for row in report.targets("json", small_record()["grammars"]["json"])}
        assert rows["warm: mean, against llguidance"].met is False
        assert rows["warm: median"].met is True
        assert rows["cold: max"].met is False
        assert rows["compile + first mask, cold"].value == 30
        assert rows["artefact load + first mask"].met is None

    def test_it_says_what_was_met_missed_and_not_measured(self):
        text = report.report(small_record())
        assert "20 × (≥ 25) **MISS**" in text
        assert "0.40 µs (≤ 1) pass" in text
        assert "not measured: a\\|b c" in text
        assert "The machine was busy" in text
        assert "Preempted 6 times" in text
        assert "against gcd: allowed by gcd: …'a' + 'b' + '': Lark refuses it" in text

    def test_tables_have_as_many_cells_as_columns(self):
        columns = None
        for line in report.report(small_record()).splitlines():
            cells = line.replace("\\|", "").count("|") if line.startswith("|") else None
            assert columns is None or cells in (None, columns), line
            columns = cells

    @pytest.mark.parametrize(("value", "shown"), [(None, "–"), (0.1234, "0.12"), (1.234, "1.23"), (12345.6, "12,346")])
    def test_numbers(self, value, shown):
        assert report.number(value) == shown


class TestFigures:
    def test_the_best_writing_is_chosen_on_common_positions(self):
        def timed(texts):
            flat, ends = job.pack(texts)
            return job.Answer({}, {"times": flat, "times_ends": ends})

        means = cfg.probe_means({"a": timed([[1000, 1000], [1000]]), "b": timed([[2000, 2000, 9000], [2000]])})
        assert means == {"a": 1, "b": 2}

    def test_verdicts_are_tallied_without_their_positions(self):
        verdicts = ["accepted", "token 3 is not in the mask", "token 5 is not in the mask"]
        assert cfg.tally(verdicts) == {"accepted": 1, "token is not in the mask": 2}

    def test_the_memo_share_comes_from_the_misses(self):
        assert cfg.memo_share({"mask_misses": 5, "readings": 9}, 100) == 0.95
        assert cfg.memo_share({}, 100) is None


@pytest.mark.slow
def test_a_whole_run_of_gcd_alone(tokenizer_folder, tmp_path, capsys):
    argv = ["--quick", "--grammars", "arithmetic", "--engines", "gcd", "--known", "3", "--unseen", "2"]
    assert cfg.main([*argv, "--tokenizer", str(tokenizer_folder("gpt2")), "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "grammars/arithmetic.lark | 5 accepted | yes" in text
    assert sorted(path.suffix for path in tmp_path.iterdir() if path.suffix != ".png") == [".json", ".md"]
