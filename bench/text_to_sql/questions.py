"""The questions, each with a statement of ours that answers it: it runs, and returns rows.

They stand in questions.txt: a database's name in brackets, then a question on one line and its statement on the next.
"""

from pathlib import Path
from typing import NamedTuple

__all__ = ["QUESTIONS", "Question"]


class Question(NamedTuple):
    """One question on one database."""

    database: str
    text: str
    sql: str


def _read(path: Path) -> tuple[Question, ...]:
    database = text = ""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            database = line.strip("[]")
        elif line.startswith(" "):
            found.append(Question(database, text, line.strip()))
        else:
            text = line
    return tuple(found)


QUESTIONS = _read(Path(__file__).with_name("questions.txt"))
