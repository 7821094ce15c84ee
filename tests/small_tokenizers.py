"""Small tokenizers of the tokenizers library, one of each family that gcd reads."""

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from gcd.vocab.tokenizer_json import byte_alphabet

LETTER = {b: c for c, b in byte_alphabet().items()}


def written(token: bytes) -> str:
    """A token in the byte alphabet, as vocabularies of the byte-level family write it."""
    return "".join(LETTER[b] for b in token)


def byte_level(tokens, added=(), special=()):
    vocab = {written(token): i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([AddedToken(content, special=False, normalized=False) for content in added])
    tokenizer.add_special_tokens([AddedToken(content, special=True, normalized=False) for content in special])
    return tokenizer


def sentencepiece(pieces, added=(), special=(), strip=True):
    pieces = ["<unk>", *pieces, *(f"<0x{b:02X}>" for b in range(256))]
    model = models.BPE({p: i for i, p in enumerate(pieces)}, [], byte_fallback=True, unk_token="<unk>", fuse_unk=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if strip else steps)
    tokenizer.add_special_tokens(["<unk>", *special])
    tokenizer.add_tokens([AddedToken(content, special=False, normalized=False) for content in added])
    return tokenizer


def unigram(pieces, scheme="always", byte_fallback=False):
    byte_pieces = [f"<0x{b:02X}>" for b in range(256)] if byte_fallback else []
    tokenizer = Tokenizer(models.Unigram([(p, -1.0) for p in ["<unk>", *pieces, *byte_pieces]], 0, byte_fallback))
    metaspace = decoders.Metaspace("▁", scheme)
    tokenizer.decoder = decoders.Sequence([metaspace, decoders.ByteFallback()]) if byte_fallback else metaspace
    tokenizer.add_special_tokens(["<s>"])
    return tokenizer
