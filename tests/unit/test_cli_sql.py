"""``gcd compile --database``: an artefact of a database's statements, and nothing of its address."""

import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

import gcd
from gcd.cli import main


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("shop.db")) as connection:
        connection.executescript("CREATE TABLE product (id, name); CREATE TABLE customer (id, city)")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, ["compile", *map(str, arguments)])


def test_an_artefact_of_a_database(shop, tokenizer_folder):
    done = run("--database", "sqlite:///shop.db", "-t", tokenizer_folder("gpt2"), "-o", "shop.gcd", "--fill", 10)
    assert done.exit_code == 0, done.output
    assert b"sqlite:///" not in (shop / "shop.gcd").read_bytes()
    compiled = gcd.load("shop.gcd")
    for text, verdict in [("SELECT name FROM product", True), ("SELECT city FROM product", False)]:
        matcher = compiled.matcher()
        assert (matcher.accept_bytes(text.encode()) and matcher.is_complete) == verdict
    done = run("--database", "shop.db", "--table", "product", "-t", tokenizer_folder("gpt2"), "--fill", 0)
    assert done.exit_code == 0, done.output
    assert not gcd.load("database.gcd").matcher().accept_bytes(b"SELECT id FROM customer")


def test_what_goes_wrong(shop, tokenizer_folder):
    gpt2 = ("-t", tokenizer_folder("gpt2"))
    secret = "s3cr3t"
    for arguments, status, said in [
        (["--database", "gone.db", *gpt2], 9, "neither a database's URL nor a file"),
        (["--database", f"mysql+aiomysql://bob:{secret}@h/x", *gpt2], 9, "isn't installed"),
        (["--database", "shop.db", "--table", "nope", *gpt2], 9, "'nope'"),
        (["--database", "shop.db", "--statements", "drop", *gpt2], 2, "takes select"),
        (["--database", "shop.db", "--start", "x", *gpt2], 2, "only a grammar's file"),
        (["--database", "shop.db", "x.lark", *gpt2], 2, "either GRAMMAR or --database"),
        (list(gpt2), 2, "either GRAMMAR or --database"),
    ]:
        done = run(*arguments)
        assert done.exit_code == status, (arguments, done.output)
        assert said in " ".join(done.output.split())
        assert secret not in done.output
