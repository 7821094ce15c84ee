"""Documents of JSON Schemas: small schemas of MaskBench that have a short valid document, in an order by hash."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

from bench.samplers.domains import Example, few_shots

SHOTS = [
    (
        '{"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, '
        '"required": ["name", "age"]}',
        '{"name": "Ann Lee", "age": 41}',
    ),
    ('{"type": "array", "items": {"enum": ["red", "blue"]}, "minItems": 2}', '["blue", "red"]'),
]
LONGEST_SCHEMA, LONGEST_DOCUMENT = 400, 100
"""Characters of a schema, and of its shortest valid document."""


def schemas(data: Path) -> list[tuple[str, Any]]:
    """(file, schema), in the order in which they are asked."""
    found = []
    with gzip.open(data / "maskbench" / "dev.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            case = json.loads(line)
            valid = [json.dumps(t["data"], ensure_ascii=False) for t in case["tests"] if t["valid"]]
            if not valid or min(map(len, valid)) > LONGEST_DOCUMENT:
                continue
            if len(json.dumps(case["schema"], ensure_ascii=False)) <= LONGEST_SCHEMA:
                found.append((case["file"], case["schema"]))
    return sorted(found, key=lambda case: hashlib.sha256(case[0].encode()).hexdigest())


def examples(n: int, data: Path) -> list[Example]:
    """The first `n`."""
    return [example(name, schema) for name, schema in schemas(data)[:n]]


def example(name: str, schema: Any) -> Example:
    """A document of this schema."""
    from jsonschema.validators import validator_for

    validator = validator_for(schema)(schema)

    def complete(text: str) -> bool:
        try:
            return bool(validator.is_valid(json.loads(text)))
        except (ValueError, RecursionError):
            return False

    def grammar() -> Any:
        import gcd

        return gcd.Grammar.from_json_schema(schema)

    asked = json.dumps(schema, ensure_ascii=False)
    return Example(
        domain="json",
        name=name,
        prompt=few_shots("A document for each JSON Schema, on one line.\n", "Schema", "Document", SHOTS, asked),
        max_tokens=60,
        score=lambda text: float(complete(text)),
        complete=complete,
        grammar=grammar,
        grammar_key=name,
        schema=schema,
    )
