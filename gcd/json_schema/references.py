"""Where ``$ref``, ``$dynamicRef`` and ``$recursiveRef`` lead.

A `Scope` says where a subschema stands among documents: the resource it belongs to (the document, or the subschema with
the next ``$id`` around it), that resource's URI and dialect, and which dynamic anchors the way here has bound.

Most references are ``#/definitions/name``: steps from the resource's root, taken on the spot. All others go through the
`referencing` library, whose registry is filled when the first of them comes: the document and what is embedded in it,
the meta-schemas of all drafts, and the documents that the caller passes. Nothing is fetched.

A dynamic reference depends on the way by which evaluation came to it. What it depends on is small, though: for each
name, which resource with a dynamic anchor of that name came first. So a scope carries just that, and a schema is
compiled once for each of the few scopes in which it is met, not once for each way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin

from gcd.errors import SchemaRefError
from gcd.json_schema.program import Path, pointer

if TYPE_CHECKING:
    from referencing import Registry

    from gcd.json_schema.dialects import Dialect
    from gcd.json_schema.metaschemas import MetaSchemas

__all__ = ["References", "Scope"]


class Scope:
    """Where a schema stands among resources."""

    __slots__ = ("base", "bound", "dialect", "path", "root")

    def __init__(self, base: str, root: Any, path: Path, dialect: Dialect, bound: tuple[tuple[str, str], ...]) -> None:
        self.base = base
        """The resource's absolute URI without a fragment; "" if it has none."""
        self.root = root
        """The resource's outermost schema."""
        self.path = path
        """Where that stands."""
        self.dialect = dialect
        self.bound = bound
        """(name, URI of the first resource on the way with a dynamic anchor of that name); the name "" stands for
        ``$recursiveAnchor``."""


Target = tuple[Any, Path, Scope]
"""A schema, where it stands, and its scope."""


class References:
    """Resolves the references of one schema document."""

    def __init__(
        self,
        root: Any,
        dialect: Dialect,
        registry: Registry[Any] | Mapping[str, Any] | None,
        metaschemas: MetaSchemas,
    ) -> None:
        self.document = root
        self.dialect = dialect
        self.given = registry
        self.metaschemas = metaschemas
        self._registry: Registry[Any] | None = None
        self._bindings: dict[str, tuple[str, ...]] = {}
        scope = Scope("", root, (None, ""), dialect, ())
        own = dialect.id_of(root) if type(root) is dict else None
        if own is not None:
            scope.base = _join("", own)
        self.root_scope = self._bind(scope)

    # -- scopes -------------------------------------------------------------------------------

    def _entered(self, schema: dict[str, Any], path: Path, scope: Scope) -> Scope:
        """The scope inside of `schema`, which stands in `scope`: another one if it has an ``$id``."""
        dialect = scope.dialect
        own = dialect.id_of(schema)
        if own is None or schema is scope.root:
            return scope
        if "$schema" in schema:
            dialect = self.metaschemas.dialect(schema, dialect, (path, "$schema"))
        return Scope(_join(scope.base, own), schema, path, dialect, scope.bound)

    def inside(self, schema: dict[str, Any], path: Path, scope: Scope) -> Scope:
        """The scope inside of a subschema; that of a resource's outermost schema is its own already."""
        if scope.dialect.id_keyword in schema and schema is not scope.root:
            return self._bind(self._entered(schema, path, scope))
        return scope

    def _bind(self, scope: Scope) -> Scope:
        """Bind the dynamic anchors of the scope's resource that nothing on the way has bound."""
        names = self._bindings.get(scope.base)
        if names is None:
            names = self._bindings[scope.base] = tuple(sorted(_dynamic_anchors(scope.root, scope.dialect)))
        if names:
            taken = {name for name, _ in scope.bound}
            scope.bound += tuple((name, scope.base) for name in names if name not in taken)
        return scope

    # -- resolving ----------------------------------------------------------------------------

    def resolve(self, ref: Any, at: Path, scope: Scope) -> Target:
        """What ``$ref`` refers to.

        Raises:
            SchemaRefError: it leads nowhere.
        """
        target = self._static(ref, at, scope)
        self._bind(target[2])
        return target

    def _static(self, ref: Any, at: Path, scope: Scope) -> Target:
        """The same, before the resource that it is in is entered: those on the way to it are not (8.2.3.2)."""
        if not isinstance(ref, str):
            raise SchemaRefError.at(pointer(at), f"{at[1]} must be a URI reference, a string", '"#/$defs/name"')
        if ref[:1] == "#" and (len(ref) == 1 or ref[1] == "/"):
            return self._walk(ref[1:], scope, at, ref)
        uri, _, fragment = _join(scope.base, ref).partition("#")
        inner = scope if uri == scope.base else self._resource(uri, at, ref, scope)
        if not fragment or fragment[0] == "/":
            return self._walk(fragment, inner, at, ref)
        return self._anchor(unquote(fragment), inner, at, ref)[0]

    def resolve_dynamic(self, ref: Any, at: Path, scope: Scope) -> Target:
        """What ``$dynamicRef`` refers to (draft 2020-12, 8.2.3.2)."""
        if not isinstance(ref, str):
            raise SchemaRefError.at(pointer(at), f"{at[1]} must be a URI reference, a string", '"#/$defs/name"')
        uri, _, fragment = _join(scope.base, ref).partition("#")
        if not fragment or fragment[0] == "/":
            return self.resolve(ref, at, scope)
        inner = scope if uri == scope.base else self._resource(uri, at, ref, scope)
        name = unquote(fragment)
        target, dynamic = self._anchor(name, inner, at, ref)
        if dynamic:
            outermost = dict(scope.bound).get(name)
            if outermost is not None and outermost != inner.base:
                outer = self._resource(outermost, at, ref, scope)
                target = self._anchor(name, outer, at, ref)[0]
        self._bind(target[2])
        return target

    def resolve_recursive(self, ref: Any, at: Path, scope: Scope) -> Target:
        """What ``$recursiveRef`` refers to (draft 2019-09, 8.2.4.2)."""
        if ref != "#":
            raise SchemaRefError.at(pointer(at), '$recursiveRef must be "#"', '"#", or $ref')
        if type(scope.root) is dict and scope.root.get("$recursiveAnchor") is True:
            outermost = dict(scope.bound).get("")
            if outermost is not None and outermost != scope.base:
                scope = self._bind(self._resource(outermost, at, "#", scope))
        return scope.root, scope.path, scope

    def _walk(self, fragment: str, scope: Scope, at: Path, ref: str) -> Target:
        """The schema that a JSON pointer leads to, from a resource's root on."""
        found, path = scope.root, scope.path
        if fragment:
            for step in fragment[1:].split("/"):
                if "%" in step:
                    step = unquote(step)
                if "~" in step:
                    step = step.replace("~1", "/").replace("~0", "~")
                if type(found) is dict and step in found:
                    found = found[step]
                elif type(found) is list and step.isdecimal() and step.isascii() and int(step) < len(found):
                    found = found[int(step)]
                else:
                    raise self._nowhere(at, ref, f"there is no {step!r} in {pointer(path)}")
                path = (path, step)
                if type(found) is dict:
                    scope = self._entered(found, path, scope)
        if type(found) is not dict and type(found) is not bool:
            raise self._nowhere(at, ref, f"{pointer(path)} is no schema")
        return found, path, scope

    def _anchor(self, name: str, scope: Scope, at: Path, ref: str) -> tuple[Target, bool]:
        """The subschema of a resource with that anchor, and whether that is a dynamic one."""
        from referencing.exceptions import InvalidAnchor, NoSuchAnchor

        registry = self._filled()
        try:
            anchor = registry.anchor(scope.base, name).value
        except (NoSuchAnchor, InvalidAnchor):
            raise self._nowhere(at, ref, f"there is no anchor {name!r} in {scope.base or 'the schema'}") from None
        path = ((None, scope.base), name) if scope.base else ((None, ""), name)
        contents = anchor.resource.contents
        path = _path_of(scope.root, contents, scope.path) or path
        return (contents, path, scope), type(anchor).__name__ == "DynamicAnchor"

    def _resource(self, uri: str, at: Path, ref: str, scope: Scope) -> Scope:
        """The scope of another resource, reached from `scope`."""
        from referencing.exceptions import NoSuchResource

        registry = self._filled()
        try:
            found = registry.get_or_retrieve(uri)
        except NoSuchResource:
            raise self._nowhere(at, ref, f"there is no schema {uri}, and nothing is fetched") from None
        except Exception as error:  # whatever the caller's own `retrieve` raises
            raise self._nowhere(
                at, ref, f"the registry could not retrieve {uri}: {error.__cause__ or error}"
            ) from error
        self._registry = found.registry
        root = found.value.contents
        path = _path_of(self.document, root, (None, "")) or (None, uri)
        dialect = self.dialect
        if type(root) is dict and "$schema" in root:
            dialect = self.metaschemas.dialect(root, dialect, (path, "$schema"))
        return Scope(uri, root, path, dialect, scope.bound)

    def _filled(self) -> Registry[Any]:
        """The registry of all that can be referred to."""
        if self._registry is None:
            from jsonschema_specifications import REGISTRY
            from referencing import Registry, Resource

            own: Registry[Any] = REGISTRY
            given = self.given
            if isinstance(given, Registry):
                own = own.combine(given)
            elif given:
                specification = self.dialect.specification()
                own = own.with_resources(
                    (uri, Resource.from_contents(contents, default_specification=specification))
                    for uri, contents in given.items()
                )
            resource = self.dialect.specification().create_resource(self.document)
            own = own.with_resource(self.root_scope.base, resource)
            if self.root_scope.base:
                own = own.with_resource("", resource)
            try:
                self._registry = own.crawl()
            except ValueError as error:  # urllib's, about a URI of the schema's
                raise SchemaRefError.at(
                    "#", f"an identifier in the schema is no URI: {error}", "a URI in $id"
                ) from None
        return self._registry

    def _nowhere(self, at: Path, ref: str, cause: str) -> SchemaRefError:
        return SchemaRefError.at(
            pointer(at),
            f"{at[1]} {ref!r} leads nowhere: {cause}",
            "pass the document in registry={uri: schema}" if "nothing is fetched" in cause else "the place of a schema",
        )


def _join(base: str, ref: str) -> str:
    """`ref` as seen from `base`, without an empty fragment at the end."""
    if not base:
        joined = ref
    elif base.startswith("urn:"):  # which has no hierarchy
        joined = base + ref if ref.startswith("#") else ref
    else:
        try:
            joined = urljoin(base, ref)
        except ValueError:  # a broken host; it leads nowhere
            joined = ref
    return joined[:-1] if joined.endswith("#") else joined


def _dynamic_anchors(root: Any, dialect: Dialect) -> set[str]:
    """Names of the dynamic anchors in a resource, found without recursion; "" for a recursive one at its root."""
    names: set[str] = set()
    if type(root) is not dict:
        return names
    if dialect.recursive_anchors:
        return {""} if root.get("$recursiveAnchor") is True else names
    if not dialect.dynamic_anchors:
        return names
    rest: list[Any] = [root]
    while rest:
        value = rest.pop()
        if type(value) is dict:
            name = value.get("$dynamicAnchor")
            if type(name) is str:
                names.add(name)
            rest += [sub for sub in value.values() if type(sub) is list or (type(sub) is dict and "$id" not in sub)]
        else:
            rest += [sub for sub in value if type(sub) is list or (type(sub) is dict and "$id" not in sub)]
    return names


def _path_of(document: Any, wanted: Any, path: Path) -> Path | None:
    """Where in a document the very same object stands, for messages."""
    rest: list[tuple[Any, Path]] = [(document, path)]
    while rest:
        value, path = rest.pop()
        if value is wanted:
            return path
        if type(value) is dict:
            rest += [(sub, (path, str(name))) for name, sub in value.items() if type(sub) in (dict, list)]
        elif type(value) is list:
            rest += [(sub, (path, str(i))) for i, sub in enumerate(value) if type(sub) in (dict, list)]
    return None
