"""`generate_json` and the processor made from a schema, with the real model."""

from typing import Literal

import pydantic
import pytest

import gcd

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def pair(smollm2_folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(smollm2_folder), AutoTokenizer.from_pretrained(smollm2_folder)


class Room(pydantic.BaseModel):
    """A type with members whose values are few."""

    name: Literal["kitchen", "hall", "garden"]
    warm: bool


def test_instance_of_a_type(pair):
    room = gcd.generate_json(*pair, Room, "The warm kitchen, as JSON.", chat=True, do_sample=False, max_new_tokens=60)
    assert isinstance(room, Room)


def test_value_of_a_schema(pair):
    schema = {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 2, "maxItems": 3, "uniqueItems": True}
    value = gcd.generate_json(*pair, schema, "Two letters: ", do_sample=False, max_new_tokens=40)
    assert 2 <= len(value) <= 3
    assert len(set(value)) == len(value)
    assert set(value) <= {"a", "b", "c"}


def test_too_few_tokens_for_any_document(pair):
    with pytest.raises(gcd.TokenBudgetError, match="suffices") as caught:
        gcd.generate_json(*pair, Room, "A room: ", do_sample=False, max_new_tokens=3)
    room = gcd.generate_json(*pair, Room, "A room: ", do_sample=False, max_new_tokens=caught.value.needed)
    assert isinstance(room, Room)  # as short as can be, and whole


def test_a_document_that_something_else_ends(pair):
    from transformers import MaxLengthCriteria, StoppingCriteriaList

    soon = StoppingCriteriaList([MaxLengthCriteria(7)])
    with pytest.raises(gcd.MatcherError, match="wasn't finished"):
        gcd.generate_json(*pair, Room, "A room: ", do_sample=False, stopping_criteria=soon)


def test_processor_from_a_schema(pair):
    model, tokenizer = pair
    processor = gcd.GrammarLogitsProcessor.from_json_schema({"enum": ["yes", "no"]}, tokenizer)
    inputs = tokenizer("Is the sky blue? ", return_tensors="pt")
    output = model.generate(**inputs, logits_processor=[processor], max_new_tokens=10, do_sample=False)
    text = tokenizer.decode(output[0, inputs.input_ids.shape[1] :], skip_special_tokens=True)
    assert text.strip() in ('"yes"', '"no"')
