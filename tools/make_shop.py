"""Make the sample database of docs/sql.md: a small shop, with rows.

    python tools/make_shop.py FILE

FILE is an SQLite database that isn't there yet. The rows are made up by this script: the same on every run.
"""

import argparse
import random
import sqlite3
import sys
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

SCHEMA = """
CREATE TABLE customer (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    city TEXT NOT NULL,
    email TEXT UNIQUE,
    since DATE NOT NULL
);
CREATE TABLE category (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE product (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    category_id INTEGER NOT NULL REFERENCES category (id),
    price REAL NOT NULL,
    stock INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customer (id),
    ordered DATE NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'paid', 'shipped', 'cancelled'))
);
CREATE TABLE order_item (
    order_id INTEGER NOT NULL REFERENCES orders (id),
    product_id INTEGER NOT NULL REFERENCES product (id),
    quantity INTEGER NOT NULL,
    unit_price REAL NOT NULL,
    total REAL GENERATED ALWAYS AS (quantity * unit_price) VIRTUAL,
    PRIMARY KEY (order_id, product_id)
) WITHOUT ROWID;
CREATE TABLE review (
    id INTEGER PRIMARY KEY,
    product_id INTEGER NOT NULL REFERENCES product (id),
    customer_id INTEGER NOT NULL REFERENCES customer (id),
    stars INTEGER NOT NULL CHECK (stars BETWEEN 1 AND 5),
    comment TEXT
);
CREATE VIEW order_total AS
    SELECT o.id AS order_id, o.customer_id, o.ordered, sum(i.total) AS total
    FROM orders AS o JOIN order_item AS i ON i.order_id = o.id GROUP BY o.id;
"""

NAMES = "Anna Ben Clara David Emma Felix Greta Hugo Ida Jan Klara Leo Mia Noah Olga Paul Rosa Samir Tina Viktor"
FAMILIES = "Adler Becker Cohen Duarte Ekman Fischer Garcia Haas Ivanov Jensen Kaya Lopez"
CITIES = ["Berlin", "Hamburg", "Vienna", "Zurich", "Lyon", "Porto"]
PRODUCTS = {
    "kitchen": {"kettle": 34.5, "teapot": 28.0, "bread knife": 19.9, "frying pan": 45.0, "cutting board": 15.5},
    "garden": {"watering can": 12.9, "spade": 24.0, "garden hose": 39.0, "lantern": 18.5},
    "books": {"cook book": 25.0, "atlas": 48.0, "crime novel": 12.0, "poems": 14.5},
    "toys": {"kite": 22.0, "puzzle": 16.9, "chess set": 55.0, "yo-yo": 4.5},
    "music": {"harmonica": 29.0, "drum": 75.0, "metronome": 33.0},
}


def make(connection: sqlite3.Connection) -> None:
    """Create the tables and their rows."""
    chance = random.Random(2024)
    connection.executescript(SCHEMA)
    first = date(2023, 1, 2)
    people = [f"{name} {family}" for family in FAMILIES.split() for name in NAMES.split()]
    for i, name in enumerate(chance.sample(people, 40), 1):
        email = name.lower().replace(" ", ".") + "@example.org" if chance.random() < 0.85 else None
        since = first + timedelta(chance.randrange(300))
        connection.execute(
            "INSERT INTO customer VALUES (?, ?, ?, ?, ?)", (i, name, chance.choice(CITIES), email, str(since))
        )
    prices = []
    for i, (category, products) in enumerate(PRODUCTS.items(), 1):
        connection.execute("INSERT INTO category VALUES (?, ?)", (i, category))
        for name, price in products.items():
            prices.append(price)
            row = (len(prices), name, i, price, chance.randrange(0, 60) if chance.random() < 0.85 else 0)
            connection.execute("INSERT INTO product VALUES (?, ?, ?, ?, ?)", row)
    for order in range(1, 151):
        day = date(2024, 1, 1) + timedelta(chance.randrange(366))
        status = chance.choices(["open", "paid", "shipped", "cancelled"], [1, 2, 6, 1])[0]
        customer = min(chance.randrange(1, 41), chance.randrange(1, 41))
        connection.execute("INSERT INTO orders VALUES (?, ?, ?, ?)", (order, customer, str(day), status))
        for product in chance.sample(range(1, len(prices)), chance.choice([1, 1, 2, 2, 3, 4])):
            paid = round(prices[product - 1] * chance.choice([1, 1, 1, 0.9]), 2)
            item = (order, product, chance.choice([1, 1, 1, 2, 3]), paid)
            connection.execute("INSERT INTO order_item VALUES (?, ?, ?, ?)", item)
    for review in range(1, 61):
        stars = chance.choices([1, 2, 3, 4, 5], [1, 1, 2, 4, 4])[0]
        comment = chance.choice([None, "good", "broke soon", "as described", "a present", "would buy again"])
        row = (review, chance.randrange(1, len(prices)), chance.randrange(1, 41), stars, comment)
        connection.execute("INSERT INTO review VALUES (?, ?, ?, ?, ?)", row)
    connection.commit()


def main() -> int:
    """Command line; exit status 1 where the file is there already."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    file = parser.parse_args().file
    if file.exists():
        print(f"{file} is there already", file=sys.stderr)
        return 1
    with closing(sqlite3.connect(file)) as connection:
        make(connection)
    print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
