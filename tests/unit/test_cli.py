"""The command line, in process: what it prints, exit statuses, errors without tracebacks."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

import gcd
from gcd.cli import main
from gcd.cli.errors import report
from gcd.cli.show import size

SUMS = """\
start: NUMBER ("+" NUMBER)*
NUMBER: /[0-9]+/
other: "x"
%ignore / +/
"""


def run(*args, **options):
    return CliRunner().invoke(main, [str(a) for a in args], **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tokenizer_folder):
    """A grammar, a link to a tokenizer, and the compiled grammar."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "sums.lark").write_text(SUMS)
    (folder / "tokenizer").symlink_to(tokenizer_folder("gpt2"))
    done = run("compile", folder / "sums.lark", "-t", folder / "tokenizer", "-o", folder / "sums.gcd", "--fill", 50)
    assert done.exit_code == 0, done.output
    return folder


# -- all commands -----------------------------------------------------------------------------------------------------


def test_help_names_commands_and_statuses():
    done = run("--help")
    assert done.exit_code == 0
    for word in ("compile", "inspect", "check", "explain", "generate", "completions", "Exit status"):
        assert word in done.output
    assert run("--version").output.split() == ["gcd,", "version", gcd.__version__]


def test_import_is_light():
    """Nothing but click until a command runs; and looking at an artefact needs no grammar reader, no host."""
    code = "import gcd.cli, sys; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "click" in loaded
    assert not {"torch", "transformers", "tokenizers", "lark", "interegular", "numpy", "rich"} & loaded


@pytest.mark.parametrize(
    "command",
    [["check", "sums.gcd", "1"], ["inspect", "sums.gcd", "--verify"], ["explain", "sums.gcd", "1+", "-t", "7"]],
)
def test_artefacts_need_no_grammar_reader(folder, command):
    code = f"""
import sys
from gcd.cli import main
try:
    main({command!r})
except SystemExit as stop:
    assert not stop.code
print("modules", *sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    loaded = set(done.stdout.rpartition("modules")[2].split())
    assert not {"torch", "transformers", "tokenizers", "lark", "interegular"} & loaded


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (gcd.GrammarError("x"), 3),
        (gcd.UnsupportedError("x"), 3),
        (gcd.InexactError("x"), 4),
        (gcd.LimitError("x"), 5),
        (gcd.ArtifactError("x"), 6),
        (gcd.TokenizerError("x"), 7),
        (FileNotFoundError(2, "No such file", "name"), 8),
        (OSError("strange"), 8),
    ],
)
def test_exit_statuses(error, status, capsys):
    assert report(error) == status
    assert capsys.readouterr().err.startswith("error: ")


def test_errors_as_json(folder, monkeypatch):
    """With --json an error is an object, too: on standard output, with the same exit status."""
    monkeypatch.chdir(folder)
    (folder / "wrong.lark").write_text('start: "a" |\n  "b')
    for command, kind, status in (
        (["inspect", "missing.gcd"], "ArtifactError", 6),
        (["check", "missing.gcd", "x"], "ArtifactError", 6),
        (["explain", "missing.gcd", "x"], "ArtifactError", 6),
        (["compile", "wrong.lark", "-t", "tokenizer"], "GrammarError", 3),
        (["compile", "missing.lark", "-t", "tokenizer"], "GrammarError", 3),
    ):
        done = run(*command, "--json")
        error = json.loads(done.stdout)["error"]
        assert (done.exit_code, error["type"], error["status"]) == (status, kind, status)
        assert error["cause"]
        assert done.stderr == ""
    assert json.loads(done.stdout)["error"]["place"] == "missing.lark"


def test_colours(folder, monkeypatch):
    """On terminals only (here it is said that there is one), and not with NO_COLOR."""
    for command in (["check", folder / "sums.gcd", "+"], ["explain", folder / "sums.gcd", "+"]):
        assert "\x1b[" not in run(*command).output
        assert "\x1b[31m" in run(*command, color=True).output
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b[" not in run(*command, color=True).output
        monkeypatch.delenv("NO_COLOR")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions(shell):
    done = run("completions", shell)
    assert done.exit_code == 0
    assert "_GCD_COMPLETE" in done.stdout
    word = "expl" if shell == "fish" else "1"
    env = {"_GCD_COMPLETE": f"{shell}_complete", "COMP_WORDS": "gcd expl", "COMP_CWORD": word}
    asked = subprocess.run(
        [sys.executable, "-c", "from gcd.cli import main; main(prog_name='gcd')"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )
    assert "explain" in asked.stdout
    assert "compile" not in asked.stdout


def test_mistakes_of_gcd_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        report(ZeroDivisionError())


def test_an_error_says_where_what_and_what_to_try(capsys):
    report(gcd.GrammarError("odd", source="start: %", line=1, column=8, name="g.lark", remedy="another"))
    assert capsys.readouterr().err == ("error: g.lark, line 1, column 8: odd\n  start: %\n         ^\n  try: another\n")


@pytest.mark.parametrize(("n", "text"), [(0, "0 B"), (999, "999 B"), (48_200, "48.2 KB"), (1_260_000, "1.3 MB")])
def test_size(n, text):
    assert size(n) == text


# -- compile ----------------------------------------------------------------------------------------------------------


def test_compile_says_what_and_how_long(folder, monkeypatch):
    monkeypatch.chdir(folder)
    done = run("compile", "sums.lark", "-t", "tokenizer", "-o", "again.gcd")
    assert done.exit_code == 0
    for word in ("sums.lark -> again.gcd", "lalr/contextual", "50,257 columns", "exact: proven", "vocabulary 0."):
        assert word in done.stdout
    assert gcd.load(folder / "again.gcd").exactness.exact


def test_compile_json(folder, monkeypatch):
    monkeypatch.chdir(folder)
    done = run("compile", "sums.lark", "-t", "tokenizer", "--json")
    facts = json.loads(done.stdout)
    assert facts["grammar"] | {"hash": ""} == {
        "mode": "lalr/contextual",
        "starts": ["start"],
        "terminals": 3,
        "productions": facts["grammar"]["productions"],
        "hash": "",
    }
    assert facts["vocabulary"]["width"] == 50257
    assert facts["exactness"]["exact"] is True
    assert list(facts["seconds"]) == ["grammar", "vocabulary", "compile", "tables", "save"]
    assert facts["artefact"]["bytes"] == (folder / "sums.gcd").stat().st_size  # the default name


def test_compile_options(folder, monkeypatch):
    monkeypatch.chdir(folder)
    more = ["--start", "other", "--start", "start", "--parser", "earley", "--lexer", "basic", "--width", "50304"]
    more += ["--eos-id", "7", "--forbid-id", "8", "--limit", "seconds=30.5", "--limit", "max_repeat=7", "--fill", "0"]
    done = run("compile", "sums.lark", "-t", "tokenizer", "-o", "options.gcd", "--json", *more)
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert (facts["grammar"]["mode"], facts["grammar"]["starts"]) == ("earley/basic", ["other", "start"])
    assert (facts["vocabulary"]["width"], facts["vocabulary"]["eos_ids"]) == (50304, [7])
    assert run("check", "options.gcd", "-s", "other", "x").exit_code == 0
    assert run("check", "options.gcd", "x").exit_code == 0
    assert run("check", "options.gcd", "-s", "start", "x").exit_code == 1


@pytest.mark.parametrize(
    ("grammar", "status", "words"),
    [
        ('start: "a" |', 0, []),
        ('start: "a" %', 3, ["g.lark, line 1", 'start: "a" %', "^"]),
        ("start: missing", 3, ["missing"]),
        (r"start: /(a)\1/", 3, ["backreference"]),
        ("start: start", 3, ["start"]),
        ('start: "a"~999999', 5, ["max_", "gcd.Limits"]),
    ],
)
def test_compile_refuses_grammars(folder, tmp_path, grammar, status, words):
    (tmp_path / "g.lark").write_text(grammar)
    out = tmp_path / "g.gcd"
    done = run("compile", tmp_path / "g.lark", "-t", folder / "tokenizer", "-o", out)
    assert done.exit_code == status, done.output
    assert out.exists() == (status == 0)
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["nothing.lark", "-t", "tokenizer"], 3, ["nothing.lark", "No such file"]),
        (["sums.lark", "-t", "sums.lark"], 7, ["sums.lark"]),
        (["sums.lark"], 2, ["--tokenizer"]),
        (["sums.lark", "-t", "tokenizer", "--limit", "nothing=3"], 2, ["no limit 'nothing'", "max_repeat"]),
        (["sums.lark", "-t", "tokenizer", "--limit", "seconds=x"], 2, ["not a number"]),
        (["sums.lark", "-t", "tokenizer", "--limit", "seconds=0"], 2, ["positive"]),
        (["sums.lark", "-t", "tokenizer", "--limit", "max_repeat=1.5"], 2, ["an int"]),
        (["sums.lark", "-t", "tokenizer", "--eos-id", "99999"], 2, ["not in range"]),
        (["sums.lark", "-t", "tokenizer", "--start", "nowhere"], 3, ["nowhere"]),
        (["sums.lark", "-t", "tokenizer", "-o", "no/such/folder.gcd"], 2, ["no folder"]),
        (["sums.lark", "-t", "tokenizer", "--limit", "max_lexer_states=1"], 5, ["max_lexer_states"]),
    ],
)
def test_compile_refuses_arguments(folder, monkeypatch, args, status, words):
    monkeypatch.chdir(folder)
    done = run("compile", *args)
    assert done.exit_code == status, done.output
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_compile_restricted(folder, tmp_path):
    out = tmp_path / "r.gcd"
    conditions = ["--must-include", "7", "--must-not-include", "++", "--must-not-include", "00", "--matching", ".{1,4}"]
    done = run("compile", folder / "sums.lark", "-t", folder / "tokenizer", "-o", out, *conditions, "--json")
    assert done.exit_code == 0, done.output
    assert "must include '7'" in json.loads(done.stdout)["exactness"]["notes"][0]
    for text, status in (("7", 0), ("1+7", 0), ("1+1", 1), ("700", 1), ("7+1+1", 1)):
        assert run("check", out, text).exit_code == status, text
    done = run("compile", folder / "sums.lark", "-t", folder / "tokenizer", "-o", out, "--matching", "(")
    assert (done.exit_code, "no regular expression" in done.stderr) == (3, True)


def test_compile_other_kinds(folder, monkeypatch):
    """By the file's ending, or as it is said."""
    monkeypatch.chdir(folder)
    for name, content, kind in (
        ("date.regex", "[0-9]{4}-[0-9]{2}\n", []),
        ("colours.txt", "red\n\ngreen\n", []),
        ("pattern", "a+|b", ["--kind", "regex"]),
        ("sums.txt", SUMS, ["-k", "lark"]),
    ):
        (folder / name).write_text(content)
        done = run("compile", name, "-t", "tokenizer", "-o", "other.gcd", *kind)
        assert done.exit_code == 0, done.output
        text = {"date.regex": "2026-11", "colours.txt": "green", "pattern": "aa", "sums.txt": "1+2"}[name]
        assert run("check", "other.gcd", text).exit_code == 0
        assert run("check", "other.gcd", "--prefix", "?").exit_code == 1
    (folder / "bad.regex").write_bytes(b"[a\xff]")
    for arguments, status, word in (
        (["date.regex", "--start", "x"], 2, "not a Lark grammar"),
        (["date.regex", "--parser", "lalr"], 2, "--parser"),
        (["date.regex", "--import-path", "."], 2, "--import-path"),
        (["bad.regex"], 3, "not UTF-8"),
    ):
        done = run("compile", *arguments, "-t", "tokenizer")
        assert (done.exit_code, word in done.stderr) == (status, True), done.output


# -- inspect ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verify", [[], ["--verify"]])
def test_inspect(folder, verify):
    done = run("inspect", folder / "sums.gcd", *verify)
    assert done.exit_code == 0, done.output
    for word in ("sums.gcd", "lalr/contextual", "50,257 columns", "exact: proven", "format 1", "trie", "<|endoftext|>"):
        assert word in done.stdout
    assert ("checksums are right" in done.stdout) == bool(verify)
    facts = json.loads(run("inspect", folder / "sums.gcd", "--json", *verify).stdout)
    assert facts["artefact"]["verified"] == bool(verify)
    assert sum(facts["artefact"]["sections"].values()) < facts["artefact"]["bytes"]


def test_inspect_shows_limits_and_terminals(folder):
    facts = json.loads(run("inspect", folder / "sums.gcd", "--json", "--terminals").stdout)
    assert facts["limits"]["max_terminals"] == {"used": 3, "default": gcd.Limits().max_terminals}
    assert {t["name"] for t in facts["terminals"]["listed"]} >= {"NUMBER", "PLUS"}
    lines = run("inspect", folder / "sums.gcd", "--terminals").stdout.splitlines()
    (number,) = [line.split() for line in lines if "NUMBER" in line]
    assert number[-1] == "[0-9]+"
    assert "NUMBER" not in run("inspect", folder / "sums.gcd").stdout


@pytest.mark.parametrize("command", [["inspect", "--verify"], ["check", "x"], ["explain", "x"]])
def test_unusable_artefacts(folder, tmp_path, command):
    whole = (folder / "sums.gcd").read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for name, data in {"empty": b"", "cut": whole[:1000], "foreign": b"PK" + whole[2:], "flipped": flipped}.items():
        (tmp_path / name).write_bytes(data)
        done = run(command[0], tmp_path / name, *command[1:])
        assert done.exit_code == 6, (name, done.output)
        assert done.stderr.startswith(f"error: {tmp_path / name}: ")
    assert run(command[0], tmp_path / "missing", *command[1:]).exit_code == 6


# -- check ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "verdict", "viable", "line", "column"),
    [
        ("1+2", "accepted", 3, None, None),
        (" 12 + 3 ", "accepted", 8, None, None),
        ("1+", "incomplete", 2, None, None),
        ("", "incomplete", 0, None, None),
        ("x", "refused", 0, 1, 1),
        ("12 3", "refused", 3, 1, 4),
        ("1+\n2", "refused", 2, 1, 3),
        ("1 é", "refused", 2, 1, 3),
    ],
)
def test_check(folder, text, verdict, viable, line, column):
    done = run("check", folder / "sums.gcd", "--json", "--", text)
    assert done.exit_code == (0 if verdict == "accepted" else 1)
    (got,) = json.loads(done.stdout)["texts"]
    assert (got["verdict"], got["viable_bytes"], got["line"], got["column"]) == (verdict, viable, line, column)


def test_check_shows_the_place(folder):
    done = run("check", folder / "sums.gcd", "1+2", "12 + +", "1 +")
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "accepted    text 1: '1+2'",
        "refused     text 2: at line 1, column 6",
        "  12 + +",
        "       ^",
        "  expected: NUMBER",
        "incomplete  text 3: '1 +' may go on",
    ]


def test_check_prefixes(folder):
    assert run("check", folder / "sums.gcd", "1 +", "").exit_code == 1
    assert run("check", folder / "sums.gcd", "--prefix", "1 +", "", "1").exit_code == 0
    assert run("check", folder / "sums.gcd", "--prefix", "+").exit_code == 1


def test_check_files_and_standard_input(folder, tmp_path):
    (tmp_path / "good").write_text("1 + 2")
    (tmp_path / "binary").write_bytes(b"1 \xff")
    done = run("check", folder / "sums.gcd", "-f", tmp_path / "good", "-f", "-", input="3 +\u00e9")
    assert done.exit_code == 1
    assert f"accepted    {tmp_path / 'good'}: '1 + 2'" in done.stdout
    assert "refused     -: at line 1, column 4" in done.stdout
    done = run("check", folder / "sums.gcd", "-f", tmp_path / "binary")
    assert done.exit_code == 1
    assert "line 1, column 3" in done.stdout
    assert run("check", folder / "sums.gcd", "-f", tmp_path / "missing").exit_code == 8


def test_check_quiet(folder):
    for text, status in (("1", 0), ("x", 1)):
        done = run("check", folder / "sums.gcd", "-q", text)
        assert (done.exit_code, done.output) == (status, "")


def test_check_refuses_arguments(folder):
    assert run("check", folder / "sums.gcd").exit_code == 2
    done = run("check", folder / "sums.gcd", "-s", "nowhere", "1")
    assert done.exit_code == 2
    assert "no start symbol 'nowhere'" in done.stderr


# -- explain ----------------------------------------------------------------------------------------------------------


def test_explain_shows_the_place_and_what_could_stand_there(folder):
    done = run("explain", folder / "sums.gcd", "12 + +")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[:3] == ["refused at line 1, column 6 (byte 5): '+' can't come here", "  12 + +", "       ^"]
    assert lines[3].split(maxsplit=4)[:4] == ["expected", "NUMBER", "such", "as"]
    assert lines[3].endswith("sums.lark, line 2  NUMBER: /[0-9]+/")
    assert " of 50,257 are allowed here: '0', '1'" in lines[4]


@pytest.mark.parametrize(
    ("text", "status", "first"),
    [
        ("1+2", 0, "accepted: the text is a sentence"),
        ("1+", 0, "incomplete: the text begins a sentence"),
        ("", 0, "incomplete: the text begins a sentence"),
        ("1\n", 1, "refused at line 1, column 2 (byte 1): byte 0x0a can't come here"),
        ("é", 1, "refused at line 1, column 1 (byte 0): 'é' can't come here"),
    ],
)
def test_explain_verdicts(folder, text, status, first):
    done = run("explain", folder / "sums.gcd", text)
    assert (done.exit_code, done.stdout.splitlines()[0]) == (status, first)


def test_explain_json(folder, gpt2_vocab):
    done = run("explain", folder / "sums.gcd", "1 + x", "--json", "-t", "0", "-t", "+", "-t", "<|endoftext|>")
    facts = json.loads(done.stdout)
    assert (done.exit_code, facts["verdict"], facts["viable_bytes"], facts["byte"]) == (1, "refused", 4, ord("x"))
    (number,) = facts["expected"]
    assert (number["name"], number["example"], number["line"]) == ("NUMBER", "0", 2)
    assert number["definition"] == "NUMBER: /[0-9]+/"
    assert facts["may_end"] is False
    assert [t["id"] for t in facts["tokens"]] == [0, gpt2_vocab.tokens.index(b"+"), 50256]
    assert not any(t["allowed"] for t in facts["tokens"])
    compiled = gcd.load(folder / "sums.gcd").matcher()
    assert compiled.accept_bytes(b"1 + ")
    assert facts["allowed_tokens"] == sum(map(compiled.check, range(gpt2_vocab.width)))


def test_explain_a_file(folder, tmp_path):
    (tmp_path / "text").write_bytes(b"1 +\xff")
    done = run("explain", folder / "sums.gcd", "-f", tmp_path / "text")
    assert "byte 0xff can't come here" in done.stdout
    assert run("explain", folder / "sums.gcd", "-f", "-", input="1 + 1").exit_code == 0
    assert run("explain", folder / "sums.gcd", "-f", tmp_path / "missing").exit_code == 8


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "give a TEXT"),
        (["1", "-f", "-"], "not both"),
        (["1", "-s", "nowhere"], "no start symbol"),
        (["1", "-t", "50257"], "not in range"),
        (["1", "-t", "no such token"], "no token is"),
    ],
)
def test_explain_refuses_arguments(folder, arguments, word):
    done = run("explain", folder / "sums.gcd", *arguments)
    assert done.exit_code == 2
    assert word in done.stderr


def test_examples_fit(folder, tmp_path):
    """An example is shown only if it can stand there."""
    (tmp_path / "g.lark").write_text('start: A B C\nA: /x(?!y)/\nB: /(?<=x)[^a-z"]{2}(z|q)?/\nC: /(?!.)[a-c]|b{90}/\n')
    assert run("compile", tmp_path / "g.lark", "-t", folder / "tokenizer", "-o", tmp_path / "g.gcd").exit_code == 0
    for text in ("", "x", "x00z"):
        for expected in json.loads(run("explain", tmp_path / "g.gcd", "--json", text).stdout)["expected"]:
            if expected["example"] is not None:
                assert run("check", tmp_path / "g.gcd", "--prefix", text + expected["example"]).exit_code == 0


# -- generate (what needs no model; tests/integration has the rest) ---------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        ([], 2, "nothing to go on from"),
        (["-p", "x", "--top-k", "3"], 2, "without --temperature"),
        (["-p", "x", "-n", "2"], 2, "without --temperature"),
        (["-p", "x", "--temperature", "0"], 2, "--temperature"),
        (["--prompts", "missing.txt"], 8, "missing.txt"),
        (["--prompts", "bad.jsonl"], 2, "bad.jsonl, line 2"),
        (["--prompts", "latin1.txt"], 8, "latin1.txt"),
    ],
)
def test_generate_refuses_arguments(folder, monkeypatch, arguments, status, word):
    monkeypatch.chdir(folder)
    (folder / "bad.jsonl").write_text('{"prompt": "a"}\n{"text": "b"}\n')
    (folder / "latin1.txt").write_bytes(b"caf\xe9\n")
    done = run("generate", "no-model", "sums.gcd", *arguments)
    assert done.exit_code == status, done.output
    assert word in done.stderr
    done = run("generate", "no-model", "missing.gcd", "-p", "x")
    assert (done.exit_code, "missing.gcd" in done.stderr) == (8, True)


# -- progress ---------------------------------------------------------------------------------------------------------


def test_progress_is_for_terminals(folder, monkeypatch):
    """Nothing of it where standard error is a file; a bar with the stages where it is a terminal."""
    monkeypatch.chdir(folder)
    command = [sys.executable, "-m", "gcd", "compile", "sums.lark", "-t", "tokenizer", "-o", "p.gcd"]
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""
    ours, theirs = os.openpty()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=True)
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)
    assert b"/7" in shown
    assert b"exact: proven" in done.stdout
    assert b"\x1b" not in done.stdout
