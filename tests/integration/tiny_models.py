"""Small random models: they say anything that they may, so they visit far more of a grammar than a trained one."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM, LogitsProcessor


def tiny(vocab, seed=0, spread=0.5, **options):
    """A LlamaForCausalLM with two layers and random weights, as wide as the vocabulary, that ends as it says."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocab.width,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=2048,
        **options,
    )
    model = LlamaForCausalLM(config).eval()
    model.lm_head.weight.data.normal_(0, spread)  # scores that differ enough for greedy search to be of one mind
    model.generation_config.eos_token_id = list(vocab.eos_ids)
    model.generation_config.pad_token_id = vocab.eos_ids[0]
    return model


class Hurry(LogitsProcessor):
    """Raises the scores of end-of-sequence tokens, so that random texts end now and then."""

    def __init__(self, eos_ids, by=6.0):
        self.eos_ids, self.by = list(eos_ids), by

    def __call__(self, input_ids, scores):
        scores[:, self.eos_ids] += self.by
        return scores
