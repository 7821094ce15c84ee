"""Every path of a randomized procedure, with its probability as a fraction.

The procedure takes its choices from a `Choices`; `paths` runs it again and again until every choice has been made.
`FractionUrn` stands in for the native urn, so the estimators under test are the very code that users run.
"""

from fractions import Fraction


class Choices:
    """The choices of one run: those of a script first, then the first option each time."""

    def __init__(self, script):
        self.script = script
        self.made = []  # (index of the option, number of options)
        self.probability = Fraction(1)

    def choose(self, options):
        """One of (value, probability), the probabilities adding up to 1."""
        assert sum(p for _, p in options) == 1
        index = self.script[len(self.made)] if len(self.made) < len(self.script) else 0
        self.made.append((index, len(options)))
        value, p = options[index]
        self.probability *= p
        return value


def paths(run):
    """(probability, result) of every path of ``run(choices)``; the probabilities add up to 1."""
    scripts = [()]
    while scripts:
        script = scripts.pop()
        choices = Choices(script)
        result = run(choices)
        yield choices.probability, result
        taken = tuple(index for index, _ in choices.made)
        for depth in range(len(script), len(taken)):
            scripts += [(*taken[:depth], other) for other in range(1, choices.made[depth][1])]


class FractionUrn:
    """An urn over fractions whose draws are choices. Its "logarithms" of shares are the shares themselves."""

    def __init__(self, p, choices, most_misses=0):
        self.p = list(p)
        self.left = {t: q for t, q in enumerate(p) if q}
        self.choices = choices
        self.most_misses = most_misses  # more are lumped together with these

    def draw(self, _):
        total = sum(self.left.values())
        if not total:
            return -1
        return self.choices.choose([(t, q / total) for t, q in self.left.items()])

    def remove(self, token):
        self.left.pop(token, None)

    def log_share(self):
        return sum(self.left.values())

    def log_share_of(self, token):
        return self.p[token]

    def misses(self, _, start=1):
        miss = 1 - sum(self.left.values()) / start
        if not miss:
            return 0
        if miss == 1:
            return self.most_misses
        options = [(n, miss**n * (1 - miss)) for n in range(self.most_misses)]
        return self.choices.choose([*options, (self.most_misses, miss**self.most_misses)])


def weight(estimate):
    """The weight as a fraction."""
    if not estimate.numerator:
        return Fraction(0)
    total = estimate.numerator * (1 if estimate.log_share is None else estimate.log_share)
    if estimate.other_numerator:
        total += estimate.other_numerator * estimate.other_share
    return Fraction(total) / estimate.denominator
