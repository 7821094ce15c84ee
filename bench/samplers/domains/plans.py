"""Plans: a robot carries things between rooms. The condition: every action can be done when its turn comes.

The score asks for more: that the goal is reached in the end. Rooms are in a row, with doors between neighbours; the
robot carries one thing at a time. The validator below is the domain's meaning, in PDDL's terms: `(move FROM TO)` needs
a door, `(pick THING ROOM)` an empty hand and both in the room, `(drop THING ROOM)` the thing in hand.
"""

import random
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.samplers.domains import Example, few_shots

ROOMS = ("kitchen", "hall", "garden")
THINGS = ("cup", "book")
HAND = "hand"

GRAMMAR = """
start: action (" " action)*
action: "(move " ROOM " " ROOM ")" | "(pick " THING " " ROOM ")" | "(drop " THING " " ROOM ")"
ROOM: "kitchen" | "hall" | "garden"
THING: "cup" | "book"
"""


@dataclass(frozen=True)
class State:
    """Where the robot is and the things are."""

    robot: str
    places: tuple[str, ...]  # of THINGS; HAND: carried

    def actions(self) -> dict[str, "State"]:
        """Every action that can be done, and what it leads to."""
        found = {}
        at = ROOMS.index(self.robot)
        for room in ROOMS[max(0, at - 1) : at + 2]:
            if room != self.robot:
                found[f"(move {self.robot} {room})"] = State(room, self.places)
        for i, (thing, place) in enumerate(zip(THINGS, self.places, strict=True)):
            if place == self.robot and HAND not in self.places:
                found[f"(pick {thing} {self.robot})"] = State(self.robot, self._with(i, HAND))
            if place == HAND:
                found[f"(drop {thing} {self.robot})"] = State(self.robot, self._with(i, self.robot))
        return found

    def _with(self, i: int, place: str) -> tuple[str, ...]:
        return (*self.places[:i], place, *self.places[i + 1 :])

    def __str__(self) -> str:
        where = [f"({thing} {place})" for thing, place in zip(THINGS, self.places, strict=True)]
        return " ".join([f"(robot {self.robot})", *where])


def follow(state: State, text: str) -> tuple[State | None, str]:
    """The state after all whole actions of a text, None if one of them can't be done; and what comes after them."""
    rest = text
    while rest:
        step = next(((a, after) for a, after in state.actions().items() if rest.startswith(a)), None)
        if step is None:
            break
        action, after = step
        rest = rest[len(action) :]
        if rest and not rest.startswith(" "):
            return None, rest
        state = after
        if not rest:
            return state, ""
        rest = rest[1:]
        if not rest:
            return state, " "
    if any(action.startswith(rest) for action in state.actions()):
        return state, rest
    return None, rest


def shortest(state: State, goal: dict[str, str]) -> list[str]:
    """A shortest plan."""
    queue: deque[tuple[State, list[str]]] = deque([(state, [])])
    seen = {state}
    while queue:
        now, plan = queue.popleft()
        if reached(now, goal):
            return plan
        for action, after in now.actions().items():
            if after not in seen:
                seen.add(after)
                queue.append((after, [*plan, action]))
    raise ValueError("no plan leads there")


def reached(state: State, goal: dict[str, str]) -> bool:
    """Whether all is where it should be."""
    return all(state.places[THINGS.index(thing)] == room for thing, room in goal.items())


def task(rng: random.Random, shortest_plan: tuple[int, int]) -> tuple[State, dict[str, str]]:
    """A state and a goal that is so many actions away."""
    while True:
        state = State(rng.choice(ROOMS), tuple(rng.choice(ROOMS) for _ in THINGS))
        goal = {rng.choice(THINGS): rng.choice(ROOMS)}
        if shortest_plan[0] <= len(shortest(state, goal)) <= shortest_plan[1]:
            return state, goal


def examples(n: int, data: Path) -> list[Example]:
    """The first `n` of a row that depends on nothing but the code; `data` isn't needed."""
    rng = random.Random(1)
    shots = [task(rng, (3, 4)) for _ in range(3)]
    return [example(i, *task(rng, (2, 5)), shots) for i in range(n)]


def asked(state: State, goal: dict[str, str]) -> str:
    """As it stands in the prompt."""
    return f"{state} Goal: {' '.join(f'({thing} {room})' for thing, room in goal.items())}"


def example(i: int, state: State, goal: dict[str, str], shots: list[tuple[State, dict[str, str]]]) -> Example:
    """A plan that leads from the state to the goal."""

    def viable(text: str) -> bool:
        return follow(state, text)[0] is not None

    def complete(text: str) -> bool:
        after, rest = follow(state, text)
        return bool(text) and after is not None and not rest

    def score(text: str) -> float:
        after, rest = follow(state, text)
        return float(bool(text) and after is not None and not rest and reached(after, goal))

    def condition() -> Any:
        from gcd.sampling import predicate

        return predicate(viable, complete, name="plan")

    def grammar() -> Any:
        import gcd

        return gcd.Grammar.from_lark(GRAMMAR)

    solved = [(asked(s, g), " ".join(shortest(s, g))) for s, g in shots]
    head = "A robot carries one thing at a time. Rooms: kitchen - hall - garden, with doors between neighbours.\n"
    return Example(
        domain="plans",
        name=f"{i + 1}: {asked(state, goal)}",
        prompt=few_shots(head, "State", "Plan", solved, asked(state, goal)),
        max_tokens=60,
        score=score,
        complete=complete,
        condition=condition,
        grammar=grammar,
        grammar_key="plans",
    )
