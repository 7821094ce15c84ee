"""The compiled grammar: what `gcd.compile` returns and `gcd.load` reads back."""

from __future__ import annotations

import json
import os
import time
import weakref
from array import array
from typing import Any

from gcd._native.composition import ComposedEngine
from gcd._native.engine import Engine
from gcd._native.matcher import Matcher
from gcd._native.schema import SchemaEngine
from gcd._native.sql import SqlEngine
from gcd._native.trie import TokenTrie
from gcd.artifact import Artifact, write_artifact
from gcd.errors import ArtifactError, GrammarError
from gcd.exactness import Exactness
from gcd.grammar_info import GrammarInfo, list_of
from gcd.limits import Limits
from gcd.shared_engines import engine_of
from gcd.vocab import Vocabulary

__all__ = ["CompiledGrammar", "load"]


class CompiledGrammar:
    """A grammar compiled for a vocabulary. Immutable to its users; may be shared between threads.

    Attributes:
        info: the grammar's names, places and source.
        exactness: what the compilation vouches for.
        width: columns of the logits, as in the vocabulary.
        eos_ids: the token ids that end a sequence.
        fingerprint: of the vocabulary, in hex.
        seconds: how long compiling (or loading) took.
    """

    def __init__(
        self,
        engine: Engine | SchemaEngine | ComposedEngine | SqlEngine,
        info: GrammarInfo,
        exactness: Exactness,
        *,
        eos_ids: tuple[int, ...],
        fingerprint: str,
        vocab: Vocabulary | None = None,
        artifact: Artifact | None = None,
        seconds: float = 0.0,
    ) -> None:
        self._engine = engine
        self.info = info
        self.exactness = exactness
        self.eos_ids = eos_ids
        self.fingerprint = fingerprint
        self.width: int = engine.trie.width
        self._vocab = vocab
        self._artifact = artifact
        self.seconds = seconds

    @property
    def vocab(self) -> Vocabulary:
        """The vocabulary; read from the artefact when first asked for."""
        if self._vocab is None:
            assert self._artifact is not None
            self._vocab = _read_vocab(self._artifact)
        return self._vocab

    def matcher(self, start: str | None = None, *, max_tokens: int | None = None) -> Matcher:
        """A matcher at the beginning of a text.

        Args:
            start: which start symbol, if the grammar has several; default the first.
            max_tokens: a token budget, the end-of-sequence token included: only tokens are let through after which the
                text can still be completed within it. So whatever is chosen, it ends in time.

        Raises:
            ValueError: no such start symbol; a budget below 1.
            TokenBudgetError: no text is known to be that short; it says how many tokens suffice.
        """
        if start is not None and start not in self.info.starts:
            raise ValueError(f"no start symbol {start!r}; this grammar has {', '.join(self.info.starts)}")
        number = 0 if start is None else self.info.starts.index(start)
        return Matcher(self._engine, number, self.info, max_tokens)

    def stats(self) -> dict[str, int]:
        """Sizes of the automata and tables as they stand now (they fill on demand)."""
        return dict(self._engine.counts())

    def fill_tables(self, max_masks: int = 2000, seconds: float = 10.0) -> int:
        """Fill the tables with what texts are likely to need, as the offline command does before it saves.

        Returns:
            How many positions were looked at.
        """
        return int(self._engine.explore(max_masks, seconds))

    def save(self, path: str | os.PathLike[str]) -> int:
        """Write everything, the tables as they stand now, to one file; returns its size in bytes."""
        meta = {
            "gcd": version(),
            "grammar": self.info.to_json(),
            "exactness": self.exactness.to_json(),
            "width": self.width,
            "eos_ids": list(self.eos_ids),
        }
        specials = {
            "ids": list(self.vocab.special_ids),
            "names": {str(i): name for i, name in self.vocab.special_names.items()},
        }
        sections = {
            "meta": json.dumps(meta, sort_keys=True).encode(),
            "specials": json.dumps(specials, sort_keys=True).encode(),
            "trie": self._engine.trie.section(),
        }
        if isinstance(self._engine, ComposedEngine):
            from gcd.composition_archive import sections_of

            sections.update(sections_of(self))
        else:
            sections.update(self._engine.sections())
        return write_artifact(path, bytes.fromhex(self.info.hash), bytes.fromhex(self.fingerprint), sections)

    def __add__(self, other: object) -> CompiledGrammar:
        """A sentence of this grammar, then one of the other; see `gcd.composition`."""
        from gcd.composition import concatenation

        return concatenation(self, other) if isinstance(other, CompiledGrammar) else NotImplemented

    def __or__(self, other: object) -> CompiledGrammar:
        """The sentences of this grammar and those of the other; see `gcd.composition`."""
        from gcd.composition import union

        return union(self, other) if isinstance(other, CompiledGrammar) else NotImplemented

    def __repr__(self) -> str:
        n = len(self.info.terminals)
        return f"<CompiledGrammar {self.info.mode}, {n} terminals, width {self.width}, {self.exactness}>"


def load(
    path: str | os.PathLike[str], vocab: Vocabulary | None = None, limits: Limits | None = None
) -> CompiledGrammar:
    """Read an artefact that `CompiledGrammar.save` wrote. Needs neither the grammar nor the tokenizer.

    Args:
        path: the file. It is mapped, and must not be changed while it is in use (replacing it by renaming is fine).
        vocab: the vocabulary that it must have been compiled for; compared by fingerprint.
        limits: bounds on what is built lazily later.

    Raises:
        ArtifactError: the file is missing, damaged, foreign, of another version, or for another vocabulary.
        LimitError: it holds more than `limits` allow.
    """
    began = time.perf_counter()
    artifact = Artifact.open(path)
    fingerprint = artifact.fingerprint.hex()
    if vocab is not None and vocab.fingerprint != fingerprint:
        raise ArtifactError(
            f"the artefact was compiled for another vocabulary ({fingerprint[:12]}…, not {vocab.fingerprint[:12]}…)",
            place=artifact.name,
            remedy="compile the grammar for this tokenizer",
        )
    info, exactness, width, eos_ids = _read_meta(artifact)
    try:
        # Artefacts of one vocabulary that are open at the same time share its trie.
        key = (fingerprint, artifact.sizes.get("trie", 0), artifact.stored_checksum("trie"))
        trie = _TRIES.get(key) if vocab is None else vocab.shared.get("token_trie", _TRIES.get(key))
        if not isinstance(trie, TokenTrie):
            trie = _TRIES[key] = TokenTrie.from_section(artifact.section("trie"))

        def read(prefix: str, info: GrammarInfo, exactness: Exactness) -> CompiledGrammar:
            engine = _read_engine(artifact, prefix, trie, eos_ids, limits or Limits())
            # The file may know of more that is inexact than the engine does: narrower formats, indentation, missing
            # bytes. What it says of a schema is taken as it stands: to find out takes a look at all that the schema can
            # ask for.
            doubts = not isinstance(engine, SchemaEngine) and not engine.exact and "viability" not in exactness.kinds
            parts = (trie.width, engine.n_starts, engine.n_terminals)
            if doubts or parts != (width, len(info.starts), len(info.terminals)):
                raise ArtifactError(_MIXED)
            return CompiledGrammar(
                engine,
                info,
                exactness,
                eos_ids=eos_ids,
                fingerprint=fingerprint,
                vocab=vocab,
                artifact=artifact,
            )

        if "composition" in artifact.sizes:
            from gcd.composition_archive import read_composition

            made = read_composition(artifact, lambda prefix, entry: read(prefix, *_read_report(entry)))
            if (made.info, made.exactness, made.width) != (info, exactness, width):
                raise ArtifactError(_MIXED)
        else:
            made = read("", info, exactness)
    except ArtifactError as error:
        if error.place is None:
            raise ArtifactError(error.cause, place=artifact.name, remedy=_AGAIN) from error
        raise
    except GrammarError as error:  # of a schema's program or a composition's plan, which is what it was compiled from
        raise ArtifactError(error.cause, place=artifact.name, remedy=_AGAIN) from error
    except (LookupError, TypeError, ValueError) as error:
        raise ArtifactError(f"it is damaged: {error}", place=artifact.name, remedy=_AGAIN) from error
    made.seconds = time.perf_counter() - began
    return made


def _read_engine(
    artifact: Artifact, prefix: str, trie: TokenTrie, eos_ids: tuple[int, ...], limits: Limits
) -> Engine | SchemaEngine | SqlEngine:
    """The engine in the sections whose names begin so."""
    if f"{prefix}schema" in artifact.sizes:
        return engine_of(SchemaEngine, trie, bytes(artifact.section(f"{prefix}schema")), eos_ids, limits)
    if f"{prefix}sql" in artifact.sizes:
        return engine_of(SqlEngine, trie, bytes(artifact.section(f"{prefix}sql")), eos_ids, limits)
    return Engine.from_sections(
        trie,
        artifact.section(f"{prefix}tables"),
        artifact.section(f"{prefix}rows"),
        artifact.unread(f"{prefix}lists"),
        artifact.section(f"{prefix}locals"),
        artifact.unread(f"{prefix}summaries"),
        artifact.unread(f"{prefix}sets"),
        eos_ids,
        limits,
    )


def version() -> str:
    """gcd's version, as artefacts carry it."""
    from gcd import __version__

    return __version__


_TRIES: weakref.WeakValueDictionary[tuple[str, int, int], TokenTrie] = weakref.WeakValueDictionary()
"""The tries of open artefacts, by the vocabulary's fingerprint and by their section's size and checksum."""

_AGAIN = "compile the grammar again, or fetch the file again"
_MIXED = "its sections don't belong together"


def _read_report(entry: Any) -> tuple[GrammarInfo, Exactness]:
    """Of a grammar, what an artefact says of it."""
    info, exactness = GrammarInfo.from_json(entry["grammar"]), Exactness.from_json(entry["exactness"])
    if not info.starts:
        raise ValueError("a grammar has no start symbol")
    return info, exactness


def _read_meta(artifact: Artifact) -> tuple[GrammarInfo, Exactness, int, tuple[int, ...]]:
    """Section "meta": grammar, exactness, width, end-of-sequence ids."""
    meta = artifact.json("meta")
    try:
        info, exactness = _read_report(meta)
        (width,) = list_of(int, [meta["width"]])
        eos_ids = _ids(meta["eos_ids"], width)
        if info.hash != artifact.grammar_hash.hex():
            raise ValueError("the grammar's hash differs from the header's")
    except (LookupError, TypeError, ValueError) as error:
        raise ArtifactError(f"section 'meta' is damaged: {error}", place=artifact.name, remedy=_AGAIN) from error
    return info, exactness, width, eos_ids


def _read_specials(artifact: Artifact, width: int) -> tuple[tuple[int, ...], dict[int, str]]:
    """Section "specials": ids that have no text, and their names. Only the vocabulary needs it."""
    specials = artifact.json("specials")
    try:
        ids = _ids(specials["ids"], width)
        names = {int(i): name for i, name in dict(specials["names"]).items()}
        list_of(str, list(names.values()))
    except (LookupError, TypeError, ValueError) as error:
        raise ArtifactError(f"section 'specials' is damaged: {error}", place=artifact.name, remedy=_AGAIN) from error
    return ids, names


def _ids(entries: object, width: int) -> tuple[int, ...]:
    """Token ids, all in range."""
    ids = tuple(list_of(int, entries))
    if min(ids, default=0) < 0 or max(ids, default=-1) >= width:
        raise ValueError("an id is out of range")
    return ids


def _read_vocab(artifact: Artifact) -> Vocabulary:
    _, _, width, eos_ids = _read_meta(artifact)
    special_ids, names = _read_specials(artifact, width)
    try:
        blob, offsets = TokenTrie.from_section(artifact.section("trie")).packed()
        vocab = Vocabulary.from_packed(blob, array("I", offsets), eos_ids, special_ids, names)
    except ValueError as error:
        raise ArtifactError(f"its tokens are damaged: {error}", place=artifact.name, remedy=_AGAIN) from error
    if vocab.fingerprint != artifact.fingerprint.hex():
        raise ArtifactError("its tokens are not those that its header names", place=artifact.name, remedy=_AGAIN)
    return vocab
