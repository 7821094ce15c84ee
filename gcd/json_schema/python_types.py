"""Python types and functions -> `SchemaGrammar`, by pydantic's own JSON Schemas (pydantic is imported when used)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from gcd.errors import SchemaError, UnsupportedError
from gcd.json_schema.grammar import SchemaGrammar, load

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["from_pydantic", "from_signature", "schema_of_signature", "schema_of_type"]


def from_pydantic(type_: Any, **options: Any) -> SchemaGrammar:
    """Documents that pydantic validates as the type.

    Args:
        type_: a model class, or anything that pydantic's TypeAdapter takes: a dataclass, TypedDict, NamedTuple,
            Literal, Enum, Union, ``list[int]``, ``Annotated[...]``; or a TypeAdapter.
        options: as for `gcd.json_schema.load`.

    Raises:
        SchemaError: pydantic doesn't know the type, or has no JSON Schema for it.
    """
    options.setdefault("dialect", "2020-12")
    return load(schema_of_type(type_), **options)


def from_signature(function: Callable[..., Any], **options: Any) -> SchemaGrammar:
    """Objects of arguments with which the function can be called: one member for each parameter.

    Parameters without an annotation take any value, those with a default may be left out. ``**kwargs: T`` takes members
    of other names.

    Args:
        function: a function or method (``self`` is bound) whose parameters can all be given by name.
        options: as for `gcd.json_schema.load`.

    Raises:
        UnsupportedError: a parameter can't be given by name.
        SchemaError: a parameter's type has no JSON Schema.
    """
    options.setdefault("dialect", "2020-12")
    return load(schema_of_signature(function), **options)


def schema_of_type(type_: Any) -> dict[str, Any]:
    """The JSON Schema that pydantic has for a type, as it validates it."""
    from pydantic import TypeAdapter

    name = getattr(type_, "__name__", str(type_))
    return _schema(lambda: type_ if isinstance(type_, TypeAdapter) else TypeAdapter(type_), f"the type {name}")


def schema_of_signature(function: Callable[..., Any]) -> dict[str, Any]:
    """The JSON Schema of an object of arguments."""
    from pydantic import TypeAdapter

    if not callable(function):
        raise TypeError(f"a function is needed, not {type(function).__name__}")
    name = getattr(function, "__name__", "the function")
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            kind = "positional-only" if parameter.kind is parameter.POSITIONAL_ONLY else "variadic"
            raise UnsupportedError.of(
                f"{kind} parameter",
                f"the {kind} parameter {parameter.name} can't be given by name",
                place=f"the signature of {name}",
            )
    return _schema(lambda: TypeAdapter(cast(Any, function)), f"the signature of {name}")


def _schema(adapter: Callable[[], TypeAdapter[Any]], place: str) -> dict[str, Any]:
    """What pydantic makes of it, with its errors as ours."""
    from pydantic.errors import PydanticUserError

    try:
        return adapter().json_schema()
    except (PydanticUserError, NameError) as error:  # NameError: an annotation that can't be resolved
        cause = str(error).split("\n", 1)[0]
        remedy = "a type that pydantic can describe"
        raise SchemaError(f"pydantic has no JSON Schema for it: {cause}", place=place, remedy=remedy) from error
