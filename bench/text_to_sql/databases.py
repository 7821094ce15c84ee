"""The databases that the questions are about: four made here, and two of the conformance data."""

import csv
import gzip
import importlib.util
import random
import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

__all__ = ["DATABASES", "OURS", "open_database"]

ROOT = Path(__file__).parents[2]


def _shop(connection: sqlite3.Connection) -> None:
    spec = importlib.util.spec_from_file_location("make_shop", ROOT / "tools" / "make_shop.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.make(connection)


_LIBRARY = """
CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT, born INTEGER);
CREATE TABLE book (
    id INTEGER PRIMARY KEY, title TEXT NOT NULL, author_id INTEGER REFERENCES author (id), published INTEGER,
    pages INTEGER, genre TEXT
);
CREATE TABLE member (id INTEGER PRIMARY KEY, name TEXT NOT NULL, joined DATE, active INTEGER NOT NULL DEFAULT 1);
CREATE TABLE loan (
    id INTEGER PRIMARY KEY, book_id INTEGER REFERENCES book (id), member_id INTEGER REFERENCES member (id),
    borrowed DATE NOT NULL, returned DATE, fine REAL NOT NULL DEFAULT 0
);
"""


def _library(connection: sqlite3.Connection) -> None:
    chance = random.Random(11)
    connection.executescript(_LIBRARY)
    countries = ["Norway", "Japan", "Kenya", "Brazil", "Ireland", "India"]
    first = ["Asta", "Kenji", "Wanja", "Rui", "Orla", "Meera"]
    last = ["Lund", "Mori", "Otieno", "Sousa", "Byrne", "Rao"]
    for i in range(12):
        name = f"{first[i % 6]} {last[(i * 5 + i // 6) % 6]}"
        row = (i + 1, name, countries[i % 6], 1900 + chance.randrange(90))
        connection.execute("INSERT INTO author VALUES (?, ?, ?, ?)", row)
    nouns = ["River", "Winter", "Machine", "Garden", "Letter", "Island", "Clock", "Mirror", "Harbour", "Orchard"]
    for i in range(40):
        title = f"The {chance.choice(['Last', 'Silent', 'Golden', 'Broken', 'Hidden'])} {nouns[i % 10]}"
        genre = chance.choice(["novel", "crime", "poetry", "history", "science"])
        row = (i + 1, title, chance.randrange(1, 12), 1930 + chance.randrange(94), chance.randrange(80, 720), genre)
        connection.execute("INSERT INTO book VALUES (?, ?, ?, ?, ?, ?)", row)
    for i in range(25):
        joined = date(2019, 1, 1) + timedelta(chance.randrange(1800))
        row = (i + 1, f"{chance.choice(first)} {chance.choice(last)}", str(joined), int(chance.random() < 0.8))
        connection.execute("INSERT INTO member VALUES (?, ?, ?, ?)", row)
    for i in range(120):
        borrowed = date(2023, 1, 1) + timedelta(chance.randrange(700))
        returned = borrowed + timedelta(chance.randrange(1, 60)) if chance.random() < 0.85 else None
        fine = round(chance.random() * 6, 2) if chance.random() < 0.2 else 0
        row = (i + 1, chance.randrange(1, 38), chance.randrange(1, 24), str(borrowed), returned and str(returned), fine)
        connection.execute("INSERT INTO loan VALUES (?, ?, ?, ?, ?, ?)", row)


_FLIGHTS = """
CREATE TABLE airport (code TEXT PRIMARY KEY, city TEXT NOT NULL, country TEXT NOT NULL, elevation INTEGER);
CREATE TABLE airline (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL);
CREATE TABLE aircraft (id INTEGER PRIMARY KEY, model TEXT NOT NULL, seats INTEGER NOT NULL, range_km INTEGER NOT NULL);
CREATE TABLE flight (
    number TEXT PRIMARY KEY, airline_id INTEGER REFERENCES airline (id), origin TEXT REFERENCES airport (code),
    destination TEXT REFERENCES airport (code), aircraft_id INTEGER REFERENCES aircraft (id), day DATE NOT NULL,
    minutes INTEGER NOT NULL, delay INTEGER, price REAL NOT NULL
);
"""


def _flights(connection: sqlite3.Connection) -> None:
    chance = random.Random(23)
    connection.executescript(_FLIGHTS)
    airports = [
        ("OSL", "Oslo", "Norway", 208), ("LIS", "Lisbon", "Portugal", 114), ("MAD", "Madrid", "Spain", 610),
        ("FRA", "Frankfurt", "Germany", 111), ("MUC", "Munich", "Germany", 453), ("CDG", "Paris", "France", 119),
        ("NBO", "Nairobi", "Kenya", 1624), ("BOG", "Bogota", "Colombia", 2548), ("HND", "Tokyo", "Japan", 6),
    ]  # fmt: skip
    connection.executemany("INSERT INTO airport VALUES (?, ?, ?, ?)", airports)
    for airline in [
        (1, "Fjord Air", "Norway"),
        (2, "Tejo", "Portugal"),
        (3, "Main Wings", "Germany"),
        (4, "Savanna", "Kenya"),
    ]:
        connection.execute("INSERT INTO airline VALUES (?, ?, ?)", airline)
    models = [(1, "A20", 180, 6100), (2, "A33", 300, 11700), (3, "B73", 160, 5600), (4, "E19", 100, 4500)]
    connection.executemany("INSERT INTO aircraft VALUES (?, ?, ?, ?)", models)
    for i in range(130):
        origin, destination = chance.sample(airports, 2)
        day = date(2025, 3, 1) + timedelta(chance.randrange(60))
        delay = None if chance.random() < 0.1 else max(0, int(chance.gauss(8, 20)))
        row = (
            f"{chance.choice(['FJ', 'TE', 'MW', 'SV'])}{100 + i}", chance.randrange(1, 5), origin[0], destination[0],
            chance.randrange(1, 5), str(day), chance.randrange(60, 780), delay, round(chance.uniform(40, 900), 2),
        )  # fmt: skip
        connection.execute("INSERT INTO flight VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


_CLINIC = """
CREATE TABLE department (id INTEGER PRIMARY KEY, name TEXT NOT NULL, floor INTEGER NOT NULL);
CREATE TABLE doctor (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, department_id INTEGER REFERENCES department (id),
    salary INTEGER NOT NULL, chief_id INTEGER REFERENCES doctor (id)
);
CREATE TABLE patient (id INTEGER PRIMARY KEY, name TEXT NOT NULL, birth DATE NOT NULL, town TEXT, weight REAL);
CREATE TABLE appointment (
    id INTEGER PRIMARY KEY, patient_id INTEGER REFERENCES patient (id), doctor_id INTEGER REFERENCES doctor (id),
    day DATE NOT NULL, "reason for visit" TEXT, cost REAL, cancelled INTEGER NOT NULL DEFAULT 0
);
"""


def _clinic(connection: sqlite3.Connection) -> None:
    chance = random.Random(37)
    connection.executescript(_CLINIC)
    departments = [(1, "surgery", 2), (2, "heart", 3), (3, "children", 1), (4, "eyes", 1)]
    connection.executemany("INSERT INTO department VALUES (?, ?, ?)", departments)
    names = ["Abel", "Brandt", "Chen", "Dorn", "Evers", "Fuchs", "Gomez", "Hansen", "Ito", "Jung", "Kern", "Lang"]
    for i, name in enumerate(names):
        chief = None if i < 4 else i % 4 + 1
        row = (i + 1, f"Dr. {name}", i % 4 + 1, 60_000 + chance.randrange(60) * 1000 + (40_000 if i < 4 else 0), chief)
        connection.execute("INSERT INTO doctor VALUES (?, ?, ?, ?, ?)", row)
    given = ["Alma", "Bert", "Cleo", "Dina", "Emil", "Fee", "Gero", "Hanna"]
    for i in range(45):
        birth = date(1935, 1, 1) + timedelta(chance.randrange(32_000))
        weight = None if chance.random() < 0.15 else round(chance.uniform(18, 110), 1)
        name = f"{chance.choice(given)} {chance.choice(names)}"
        row = (i + 1, name, str(birth), chance.choice(["Ulm", "Jena", "Bonn"]))
        connection.execute("INSERT INTO patient VALUES (?, ?, ?, ?, ?)", (*row, weight))
    for i in range(140):
        day = date(2024, 6, 1) + timedelta(chance.randrange(200))
        reason = chance.choice(["check-up", "pain", "surgery", "vaccination", None])
        cost = None if chance.random() < 0.1 else round(chance.uniform(20, 1500), 2)
        off = int(chance.random() < 0.12)
        row = (i + 1, chance.randrange(1, 43), chance.randrange(1, 13), str(day), reason, cost, off)
        connection.execute("INSERT INTO appointment VALUES (?, ?, ?, ?, ?, ?, ?)", row)


OURS: dict[str, Callable[[sqlite3.Connection], None]] = {
    "shop": _shop,
    "library": _library,
    "flights": _flights,
    "clinic": _clinic,
}

_KEYS = {
    "nation": "n_nationkey", "region": "r_regionkey", "part": "p_partkey", "supplier": "s_suppkey",
    "customer": "c_custkey", "orders": "o_orderkey",
}  # fmt: skip


def _tpch(connection: sqlite3.Connection, data: Path) -> None:
    """TPC-H's tables as the conformance data samples them: joins between them find few rows."""
    for file in sorted((data / "sql" / "tpc-h").glob("*.csv.gz")):
        table = file.name.partition(".")[0]
        with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
            header, *rows = csv.reader(lines, delimiter="|")
        columns = []
        for i, name in enumerate(header):
            values = [row[i] for row in rows[:50]]
            kind = "DATE" if name.endswith("date") else "TEXT"
            kind = next((k for k, t in (("INTEGER", int), ("REAL", float)) if all(_is(t, v) for v in values)), kind)
            columns.append(f"{name} {kind}")
        connection.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
        marks = ", ".join("?" * len(header))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    for table, key in _KEYS.items():
        connection.execute(f"CREATE INDEX {table}_key ON {table} ({key})")


def _is(kind: type, text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


DATABASES = (*OURS, "tpch", "concert_singer")
"""All names; the last two need the conformance data."""


def open_database(name: str, folder: Path, data: Path | None = None) -> Path:
    """The database's file in `folder`, made if it isn't there.

    Args:
        name: one of `DATABASES`.
        folder: where files are kept.
        data: the conformance data's folder, for those that come from it.
    """
    if name == "concert_singer":
        assert data is not None
        return data / "sqlite" / "concert_singer.sqlite"
    file = folder / f"{name}.sqlite"
    if not file.exists():
        scratch = file.with_suffix(".making")
        scratch.unlink(missing_ok=True)
        connection = sqlite3.connect(scratch)
        try:
            if name == "tpch":
                assert data is not None
                _tpch(connection, data)
            else:
                OURS[name](connection)
            connection.commit()
        finally:
            connection.close()
        scratch.replace(file)
    return file
