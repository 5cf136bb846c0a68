"""Additions to the OpenAPI document that FastAPI makes. They follow from the routes, so that no route repeats them.

The problems that operations share are components. Headers are declared by what an operation is: one that takes an
Idempotency-Key may replay, one that takes a cursor links to the next page, one that takes a tag sends tags.
"""

from collections.abc import Iterator
from typing import Any

from api.docs.descriptions import MEMBERS
from api.http import problems

Json = dict[str, Any]

REQUIRED_HEADERS = {"Idempotency-Key": "idempotency_key_missing", "If-Match": "precondition_required"}
"""Codes of the answers to a request that lacks a required header."""
MAX_INT32 = 2**31 - 1
HEADERS: Json = {
    "X-Request-Id": {
        "description": "the id of the request: its own `X-Request-Id`, or a new one",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
        "required": True,
    },
    "Location": {"description": "the path of the resource", "schema": {"type": "string", "format": "uri-reference"}},
    "ETag": {
        "description": "the tag of the representation, for `If-Match` and `If-None-Match`",
        "schema": {"type": "string"},
    },
    "Link": {"description": 'the next page, as `rel="next"`; absent on the last', "schema": {"type": "string"}},
    "Retry-After": {
        "description": "seconds after which to repeat the request",
        "schema": {"type": "integer", "minimum": 0, "maximum": 3600},
    },
    "Idempotency-Replayed": {
        "description": "`true` if an earlier request under the same Idempotency-Key got this answer first",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "WWW-Authenticate": {"description": "the scheme: `Bearer`", "schema": {"type": "string"}},
    "Allow": {"description": "the methods of the path", "schema": {"type": "string"}},
}
PROBLEM_HEADERS = {
    "401": ("WWW-Authenticate",),
    "409": ("Idempotency-Replayed", "Location"),
    "412": ("ETag",),
    "422": ("Idempotency-Replayed", "Location"),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}
"""Headers of problems, by status. A refused purchase has a Location."""


def complete(document: Json) -> Json:
    """Complete a document in place, and return it."""
    components = document["components"]
    components["schemas"] |= _schema_of_problems()
    components["responses"] = problems.shared_responses()
    components["examples"] = problems.examples()
    components["headers"] = HEADERS
    for response in components["responses"].values():
        _declare(response, *PROBLEM_HEADERS.get(_status(document, response), ()))
    tagged = {path for path, methods in document["paths"].items() if _takes(methods.get("get", {}), "If-None-Match")}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            created_is_tagged = method == "post" and f"{path}/{{id}}" in tagged
            _complete(document, operation, created_is_tagged=created_is_tagged)
    for kind in ("responses", "examples", "headers"):
        _drop_unused(document, kind)
    _describe_members(components["schemas"])
    _widen_integers(document)
    return document


def _complete(document: Json, operation: Json, *, created_is_tagged: bool) -> None:
    for status, response in operation["responses"].items():
        if "$ref" in response:
            response.pop("description", None)
        elif status >= "400":
            _declare(response, *PROBLEM_HEADERS.get(status, ()))
        else:
            _declare(response, *_headers_of_success(document, operation, status, tagged=created_is_tagged))
    operation.setdefault("security", [])
    # The specification ignores a parameter of this name: the answers say which types there are.
    parameters = [each for each in operation.get("parameters", []) if each["name"].lower() != "accept"]
    if parameters:
        operation["parameters"] = parameters
    codes = set(codes_of(document, operation))
    for parameter in parameters:
        if REQUIRED_HEADERS.get(parameter["name"]) in codes:
            parameter["required"] = True  # FastAPI itself would answer 422 to a request without it
        _complete_parameter(parameter)


def _complete_parameter(parameter: Json) -> None:
    schema = parameter["schema"]
    for repeated in ("title", "description"):
        schema.pop(repeated, None)
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) == 1:
        # A parameter is left out, and never null.
        del schema["anyOf"]
        schema |= choices[0]
    if "examples" in schema and parameter["required"] and parameter["name"] != "Idempotency-Key":
        # /docs fills it in; a key must be new for each request.
        parameter["example"] = schema.pop("examples")[0]


def _headers_of_success(document: Json, operation: Json, status: str, *, tagged: bool) -> Iterator[str]:
    if status == "202" or (status == "201" and "id" in _members(document, operation["responses"][status])):
        yield "Location"
    if tagged or (status in {"200", "304"} and (_takes(operation, "If-None-Match") or _takes(operation, "If-Match"))):
        yield "ETag"
    if _takes(operation, "Idempotency-Key"):
        yield "Idempotency-Replayed"
    if _takes(operation, "cursor"):
        yield "Link"


def codes_of(document: Json, operation: Json) -> Iterator[str]:
    """Yield the codes of the problems of an operation."""
    for response in operation["responses"].values():
        for content in resolve(document, response).get("content", {}).values():
            yield from content.get("examples", {})


def resolve(document: Json, value: Json) -> Json:
    """Return the component to which a reference leads, or the value itself if it is no reference."""
    if "$ref" not in value:
        return value
    found: Any = document
    for name in value["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return resolve(document, found)


def _declare(response: Json, *headers: str) -> None:
    declared = response.setdefault("headers", {})
    for name in ("X-Request-Id", *headers):
        declared[name] = {"$ref": f"#/components/headers/{name}"}


def _status(document: Json, response: Json) -> str:
    [content] = response["content"].values()
    [example, *_] = content["examples"].values()
    return str(resolve(document, example)["value"]["status"])


def _takes(operation: Json, name: str) -> bool:
    return any(parameter["name"] == name for parameter in operation.get("parameters", []))


def _members(document: Json, response: Json) -> set[str]:
    schema = resolve(document, response.get("content", {}).get("application/json", {}).get("schema", {}))
    return set(schema.get("properties", {}))


def _schema_of_problems() -> Json:
    schema = problems.ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"ProblemDetails": schema, **schema.pop("$defs")}


def _drop_unused(document: Json, kind: str) -> None:
    """Drop the components of a kind to which nothing refers."""
    used = {schema["$ref"].rpartition("/")[2] for schema in objects(document) if f"/{kind}/" in schema.get("$ref", "")}
    components = document["components"]
    components[kind] = {name: component for name, component in components[kind].items() if name in used}


def _describe_members(schemas: Json) -> None:
    """Describe each member that has no description of its own by its type, or by its name, which means one thing."""
    for schema in schemas.values():
        for name, member in schema.get("properties", {}).items():
            texts = [choice.pop("description", None) for choice in member.get("anyOf", [])]
            text = next(filter(None, texts), MEMBERS.get(name))
            if text is not None:
                member.setdefault("description", text)


def _widen_integers(document: Json) -> None:
    """Give each integer that may exceed 32 bits its format: generated clients take 32 bits without it."""
    for schema in objects(document):
        largest: int = schema["const"] if "const" in schema else schema.get("maximum", MAX_INT32 + 1)
        if schema.get("type") == "integer" and largest > MAX_INT32:
            schema["format"] = "int64"


def objects(value: Any) -> Iterator[Json]:
    """Yield every object in a JSON value."""
    if isinstance(value, dict):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(member)
