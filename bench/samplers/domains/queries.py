"""SQL on a small database: the conformance data's concert_singer, questions of our own.

The condition is that SQLite can prepare the statement on this database (`gcd.sampling.predicates.sqlite`); gcd gets
`grammars/sql.lark` besides. The score is execution: the rows that the answer gives are those of the reference query (in
its order, if it has one).
"""

import sqlite3
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from bench.engines import ROOT
from bench.samplers.domains import Example, few_shots

MOST_STEPS = 2_000_000
"""Instructions of SQLite's machine that an answer may run: some joins of wrong answers are huge."""
HEAD = """Tables of the database:
stadium(Stadium_ID, Location, Name, Capacity, Highest, Lowest, Average)
singer(Singer_ID, Name, Country, Song_Name, Song_release_year, Age, Is_male)
concert(concert_ID, concert_Name, Theme, Stadium_ID, Year)
singer_in_concert(concert_ID, Singer_ID)
"""
SHOTS = [
    ("How many stadiums are there?", "SELECT count(*) FROM stadium"),
    ("Names of the singers from France", "SELECT Name FROM singer WHERE Country = 'France'"),
    ("The theme of the newest concert", "SELECT Theme FROM concert ORDER BY Year DESC LIMIT 1"),
]
QUESTIONS = [
    ("How many singers are there?", "SELECT count(*) FROM singer"),
    ("How many concerts are there?", "SELECT count(*) FROM concert"),
    ("Names of all stadiums", "SELECT Name FROM stadium"),
    ("Names and ages of all singers", "SELECT Name, Age FROM singer"),
    ("The average age of the singers", "SELECT avg(Age) FROM singer"),
    ("The largest capacity of a stadium", "SELECT max(Capacity) FROM stadium"),
    ("Names of the singers older than 40", "SELECT Name FROM singer WHERE Age > 40"),
    ("How many singers are from France?", "SELECT count(*) FROM singer WHERE Country = 'France'"),
    ("Concert names of the year 2014", "SELECT concert_Name FROM concert WHERE Year = '2014'"),
    ("All countries of singers, each once", "SELECT DISTINCT Country FROM singer"),
    ("How many singers are there of each country?", "SELECT Country, count(*) FROM singer GROUP BY Country"),
    ("Names of the stadiums with a capacity below 4000", "SELECT Name FROM stadium WHERE Capacity < 4000"),
    ("The name of the youngest singer", "SELECT Name FROM singer ORDER BY Age LIMIT 1"),
    (
        "The location of the stadium with the highest average",
        "SELECT Location FROM stadium ORDER BY Average DESC LIMIT 1",
    ),
    ("Song names of the singers from the Netherlands", "SELECT Song_Name FROM singer WHERE Country = 'Netherlands'"),
    ("How many concerts were there in each year?", "SELECT Year, count(*) FROM concert GROUP BY Year"),
    ("Names of the singers, the oldest first", "SELECT Name FROM singer ORDER BY Age DESC"),
    ("The song that was released in 2016", "SELECT Song_Name FROM singer WHERE Song_release_year = '2016'"),
    ("The total capacity of all stadiums", "SELECT sum(Capacity) FROM stadium"),
    ("Themes of all concerts", "SELECT Theme FROM concert"),
    ("The smallest and the largest age of the singers", "SELECT min(Age), max(Age) FROM singer"),
    ("How many stadiums have a highest above 2000?", "SELECT count(*) FROM stadium WHERE Highest > 2000"),
    ("The country of the singer Timbaland", "SELECT Country FROM singer WHERE Name = 'Timbaland'"),
    ("Names and locations of stadiums, by name", "SELECT Name, Location FROM stadium ORDER BY Name"),
    ("Names of the singers that are men", "SELECT Name FROM singer WHERE Is_male = 'T'"),
    (
        "Names of the stadiums where a concert was in 2015",
        "SELECT Name FROM stadium WHERE Stadium_ID IN (SELECT Stadium_ID FROM concert WHERE Year = '2015')",
    ),
    ("Names of the singers between 25 and 35 years old", "SELECT Name FROM singer WHERE Age BETWEEN 25 AND 35"),
    ("Years in which there was a concert, each once", "SELECT DISTINCT Year FROM concert"),
]


def examples(n: int, data: Path) -> list[Example]:
    """The first `n`."""
    path = data / "sqlite" / "concert_singer.sqlite"
    if not path.exists():
        raise FileNotFoundError(f"no database {path.name} in the conformance data")
    return [example(path, question, reference) for question, reference in QUESTIONS[:n]]


@cache
def connection(path: Path) -> sqlite3.Connection:
    """Reading only, and no statement runs forever."""
    found = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    left = [0]

    def stop() -> int:
        left[0] -= 1
        return left[0] < 0

    found.set_progress_handler(stop, 10_000)
    found.set_trace_callback(lambda _: left.__setitem__(0, MOST_STEPS // 10_000))
    return found


def rows(database: sqlite3.Connection, statement: str) -> list[tuple[Any, ...]] | None:
    """What a query gives; None if it is none or fails."""
    if not statement.lstrip().upper().startswith(("SELECT", "WITH", "VALUES")):
        return None
    try:
        return database.execute(statement).fetchmany(1000)
    except (sqlite3.Error, sqlite3.Warning):
        return None


def example(path: Path, question: str, reference: str) -> Example:
    """A query for a question."""
    from gcd.sampling.predicates import sqlite

    database = connection(path)
    wanted = rows(database, reference)
    assert wanted is not None
    ordered = "ORDER BY" in reference
    prepared = sqlite(database)

    def score(text: str) -> float:
        found = rows(database, text)
        if found is None:
            return 0.0
        return float(found == wanted if ordered else Counter(found) == Counter(wanted))

    def grammar() -> Any:
        import gcd

        return gcd.Grammar.from_lark(ROOT / "grammars" / "sql.lark")

    return Example(
        domain="queries",
        name=question,
        prompt=few_shots(HEAD, "Question", "SQL", SHOTS, question),
        max_tokens=48,
        score=score,
        complete=lambda text: bool(prepared.ask([text], whole=True)[0]),
        condition=lambda: sqlite(database),
        grammar=grammar,
        grammar_key="sql",
    )
