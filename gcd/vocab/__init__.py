"""Tokenizers as bytes: what every token id adds to the text, and which ids end it."""

from gcd.vocab.vocabulary import Vocabulary

__all__ = ["Vocabulary"]
