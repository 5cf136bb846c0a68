"""The OpenAPI document: complete, stable, and in agreement with the answers."""

import json
import re

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from openapi_spec_validator import OpenAPIV31SpecValidator
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from api.app import ROUTERS
from api.docs.completion import HEADERS, objects
from api.docs.descriptions import MEMBERS
from api.http.codes import CODES
from tests.harness.expect import Operation, found, operations, problem
from tests.harness.payments import order
from tests.harness.world import Connection, World, a_product

PROBLEM = "application/problem+json"
OPTIONAL = {"Idempotency-Replayed", "Link"}
"""Headers of successes that are sent only if there was an earlier request, or if there is a next page."""
PUBLIC = {"register_user", "list_users", "list_posts", "get_post", "list_products", "get_livez", "get_readyz"}


async def test_an_operation_has_a_summary_and_the_name_of_its_function(app: FastAPI) -> None:
    """Generated clients name their methods by the operationId, which must not change with the path."""
    described = list(operations(app))
    assert len(described) >= 46
    functions = {route.endpoint.__name__ for route in _routes(app)}
    ids = [operation.id for operation in described]
    assert len(set(ids)) == len(ids)
    assert set(ids) == functions
    for operation in described:
        assert operation.described["summary"], str(operation)
        assert operation.described["description"], str(operation)
        assert len(operation.described["tags"]) == 1, str(operation)


def _routes(app: FastAPI) -> list[APIRoute]:
    return [
        route
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
    ]


async def test_every_problem_is_documented_with_its_status_type_and_code(app: FastAPI) -> None:
    """Problems of a body are documented only if an operation has a body, and those of a key only if it needs one."""
    for operation in operations(app):
        for status, answer in operation.answers.items():
            if int(status) < 400:
                continue
            assert answer["content"].keys() == {PROBLEM}, f"{operation} {status}"
            content = answer["content"][PROBLEM]
            assert operation.resolve(content["schema"])["title"] == "ProblemDetails"
            assert content["examples"], f"{operation} {status}"
            for code, reference in content["examples"].items():
                example = operation.resolve(reference)["value"]
                assert (example["status"], example["code"], example["type"]) == (
                    int(status),
                    code,
                    f"/problems/{code}",
                )
                assert CODES[code].status == int(status)
                assert code in answer["description"]
        codes = operation.codes
        needed = {"internal_error", "bad_request", "uri_too_long", "headers_too_large"}
        if operation.id not in {"get_livez", "get_readyz"}:
            needed |= {"pool_exhausted", "database_unavailable", "deadline_exceeded", "overloaded", "too_many_requests"}
        if operation.described.get("parameters"):
            needed |= {"validation_error"}
        bodied = {"malformed_json", "unsupported_media_type", "body_too_large", "validation_error"}
        # A POST that takes no member accepts no body or {}.
        takes_body = operation.body is not None or operation.method in {"POST", "PATCH"}
        needed |= bodied if takes_body else set()
        needed |= {"unauthorized"} if operation.needs_key else set()
        needed |= {"read_only_key"} if operation.needs_key and operation.method != "GET" else set()
        assert needed <= codes, (str(operation), needed - codes)
        assert takes_body or not (bodied - {"validation_error"}) & codes, str(operation)
        assert operation.method != "GET" or "read_only_key" not in codes, str(operation)
    document = app.openapi()
    details = document["components"]["schemas"]["ProblemDetails"]
    assert set(details["required"]) >= {"type", "title", "status", "detail", "instance", "code", "request_id"}
    assert "HTTPValidationError" not in json.dumps(document)


async def test_the_security_scheme_states_which_operations_need_a_key(app: FastAPI, client: httpx.AsyncClient) -> None:
    """The only scheme is bearer: required if the operation answers 401 without a key, optional for public profiles."""
    (scheme,) = app.openapi()["components"]["securitySchemes"].items()
    assert (scheme[1]["type"], scheme[1]["scheme"]) == ("http", "bearer")
    needed: list[dict[str, list[str]]] = [{scheme[0]: []}]
    for operation in operations(app):
        security = operation.described.get("security", [])
        if operation.id in PUBLIC:
            assert security == [], str(operation)
        elif operation.id in {"get_user", "get_product"}:
            assert {} in security, str(operation)
            assert needed[0] in security, str(operation)
        else:
            assert security == needed, str(operation)
            assert (await client.send(operation.request(client))).status_code == 401, str(operation)


async def test_every_documented_body_is_accepted(
    app: FastAPI, client: httpx.AsyncClient, world: World, catalog: Connection
) -> None:
    """The example bodies that /docs fills in succeed if their ids exist."""
    root = await world.person("root", role="operator")
    for _ in range(2):
        await world.account(root, minimum=None)
    await world.connection.execute("INSERT INTO posts (author_id, title, content) VALUES (%s, 't', 'c')", (root.id,))
    await a_product(catalog, root, 1, price=1250, stock=100)
    tried: list[Operation] = []
    for operation in operations(app):
        for number, body in enumerate(operation.examples()):
            headers = root.paying(f"{operation.id}-{number}")
            if operation.id == "update_me":
                body = {name: f"other-{value}" for name, value in body.items()}  # noqa: PLW2901 - an earlier example registered ada
            answer = await client.send(operation.request(client, json=body, headers=headers))
            assert answer.is_success, (str(operation), answer.text)
            assert str(answer.status_code) in operation.described["responses"], str(operation)
            tried.append(operation)
    assert len(tried) >= 15


async def test_every_documented_parameter_is_accepted(
    app: FastAPI, client: httpx.AsyncClient, world: World, catalog: Connection
) -> None:
    """A read with the examples of required parameters and all documented defaults succeeds: clients send defaults."""
    root = await world.person("root", role="operator")
    accounts = [await world.account(root, minimum=None) for _ in range(2)]
    assert accounts[0] == root.id == 1
    await world.connection.execute("INSERT INTO posts (author_id, title, content) VALUES (%s, 't', 'c')", (root.id,))
    product = await a_product(catalog, root, 1, price=1250, stock=100)
    found(await client.post("/transfers", json=order(*accounts), headers=root.paying("1")), 201)
    found(await client.post("/holds", json=order(*accounts, expires_in=60), headers=root.paying("2")), 201)
    goods = {"product_id": product, "quantity": 1, "account_id": accounts[1]}
    found(await client.post("/purchases", json=goods, headers=root.paying("3")), 201)
    sent: set[str] = set()
    for operation in operations(app):
        if operation.method != "GET" or operation.id == "get_audit":
            continue
        path, query, headers = operation.path, dict[str, str | int](), dict(root.headers)
        for parameter in operation.described.get("parameters", []):
            if parameter["required"]:
                assert "example" in parameter, (str(operation), parameter["name"])
            value = parameter.get("example", parameter["schema"].get("default"))
            if value is not None:
                sent.add(parameter["name"])
                path = path.replace(f"{{{parameter['name']}}}", str(value))
                query |= {parameter["name"]: value} if parameter["in"] == "query" else {}
                headers |= {parameter["name"]: value} if parameter["in"] == "header" else {}
        answer = await client.get(path, params=query, headers=headers)
        assert answer.is_success, (str(operation), answer.text)
    assert sent >= {"id", "at", "limit"}


async def test_a_change_documents_no_default(app: FastAPI) -> None:
    """A member that is left out stays: a client that sent a default would overwrite it."""
    for operation in operations(app):
        if operation.method == "PATCH" and operation.body:
            defaults = {
                name: member["default"] for name, member in operation.body["properties"].items() if "default" in member
            }
            assert defaults == {}, str(operation)


async def test_the_document_is_served_as_it_was_built_at_start(app: FastAPI, client: httpx.AsyncClient) -> None:
    """/openapi.json is the application's document; a reader that has it gets 304."""
    answer = await client.get("/openapi.json")
    assert found(answer) == json.loads(json.dumps(app.openapi()))
    assert answer.content is app.state.document.content or answer.content == app.state.document.content
    again = await client.get("/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_no_request_waits_for_the_document(application: FastAPI) -> None:
    """The document is there before the first request: it takes half a second of the event loop."""
    application.openapi_schema = None
    if hasattr(application.state, "document"):
        del application.state.document
    async with application.router.lifespan_context(application):
        assert application.openapi_schema is not None
        assert json.loads(application.state.document.content)["info"]["title"] == "Folio"


async def test_the_document_is_small(app: FastAPI) -> None:
    """Shared answers are references: the document is at most 4 kB for each operation, and 12 references for each."""
    described = list(operations(app))
    assert len(app.state.document.content) < 4096 * len(described)
    for operation in described:
        shared = [answer for answer in operation.described["responses"].values() if "$ref" in answer]
        assert len(shared) >= 4, str(operation)


def test_the_document_is_valid(application: FastAPI) -> None:
    """The document is OpenAPI 3.1 by the schema of the specification; a name with a blank is not (negative control)."""
    OpenAPIV31SpecValidator(json.loads(json.dumps(application.openapi()))).validate()
    broken = json.loads(json.dumps(application.openapi()))
    broken["components"]["securitySchemes"]["API key"] = broken["components"]["securitySchemes"].pop("ApiKey")
    with pytest.raises(OpenAPIValidationError):
        OpenAPIV31SpecValidator(broken).validate()


async def test_everything_is_described(app: FastAPI) -> None:
    """Each tag, parameter, header and member has a description of its own or by its name."""
    document = app.openapi()
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert {operation.described["tags"][0] for operation in operations(app)} == tags.keys()
    undescribed = [
        f"{operation} {parameter['name']}"
        for operation in operations(app)
        for parameter in operation.described.get("parameters", [])
        if not parameter.get("description")
    ]
    for name, schema in document["components"]["schemas"].items():
        members = schema.get("properties", {}).items()
        undescribed += [f"{name}.{member}" for member, described in members if not described.get("description")]
    assert undescribed == [], "add a description to the field, or to api.docs.descriptions.MEMBERS"
    used = {name for schema in document["components"]["schemas"].values() for name in schema.get("properties", {})}
    assert MEMBERS.keys() <= used, "MEMBERS describes members that no schema has"


async def test_response_headers_are_declared_if_and_only_if_they_are_sent(
    app: FastAPI, client: httpx.AsyncClient, world: World, catalog: Connection
) -> None:
    """One answer of every operation: its headers are those that the document declares for its status."""
    root = await world.person("root", role="operator")
    for _ in range(2):
        await world.account(root, minimum=None)
    await world.connection.execute("INSERT INTO posts (author_id, title, content) VALUES (%s, 't', 'c')", (root.id,))
    await a_product(catalog, root, 1, price=1250, stock=100)
    seen: set[str] = set()
    for operation in sorted(operations(app), key=lambda operation: operation.method == "DELETE"):
        for headers in (root.paying(operation.id), root.headers, {}):
            answer = await client.send(operation.request(client, headers=headers))
            documented = operation.answers[str(answer.status_code)].get("headers", {})
            sent = {name for name in HEADERS if name in answer.headers}
            assert sent <= documented.keys(), (str(operation), answer.status_code)
            required = documented.keys() - OPTIONAL if answer.is_success else {"X-Request-Id"}
            assert required <= sent, (str(operation), answer.status_code)
            seen |= sent
    assert seen >= {"Location", "ETag", "X-Request-Id", "WWW-Authenticate"}


async def test_components_have_names_that_the_specification_allows(app: FastAPI) -> None:
    """Generators refuse a name with a blank; the key's scheme is ApiKey."""
    components = app.openapi()["components"]
    assert set(components["securitySchemes"]) == {"ApiKey"}
    for kind in components.values():
        for name in kind:
            assert re.fullmatch(r"[a-zA-Z0-9._-]+", name), name


async def test_an_integer_that_may_exceed_32_bits_says_so(app: FastAPI) -> None:
    """Generated clients take an integer without a format for one of 32 bits."""
    wide = narrow = 0
    for schema in objects(app.openapi()):
        if schema.get("type") == "integer":
            largest = schema["const"] if "const" in schema else schema.get("maximum", 2**63)
            large = largest >= 2**31
            assert schema.get("format") == ("int64" if large else None), schema
            wide, narrow = wide + large, narrow + (not large)
        assert not {"ge", "le", "gt", "lt"} & schema.keys(), schema
    assert min(wide, narrow) > 0
    bounded = [parameter for operation in operations(app) for parameter in operation.described.get("parameters", [])]
    for parameter in bounded:
        if parameter["name"] in {"id", "limit"}:
            assert parameter["schema"].keys() >= {"minimum", "maximum"}, parameter


async def test_a_header_is_declared_required_where_a_request_fails_without_it(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    """A missing Idempotency-Key is 400 and a missing If-Match 428, not the 422 of other parameters."""
    ada = await world.person("ada", role="operator")
    other = await world.person("other")
    required = set()
    for operation in operations(app):
        codes = operation.codes
        for parameter in operation.described.get("parameters", []):
            code = {"Idempotency-Key": "idempotency_key_missing", "If-Match": "precondition_required"}.get(
                parameter["name"]
            )
            if code is None:
                continue
            assert parameter["required"] == (code in codes), str(operation)
            if code in codes:
                assert parameter["schema"]["type"] == "string", str(operation)
                required.add(operation.id)
                body = next(iter(operation.examples()), None)
                if code == "idempotency_key_missing":
                    request = operation.request(client, json=body, headers=other.headers)
                    del request.headers["Idempotency-Key"]
                    problem(await client.send(request), 400, code)
    assert required >= {"create_transfer", "create_hold", "capture_hold", "create_purchase", "update_post", "delete_me"}
    problem(await client.patch("/users/me", json={"username": "b"}, headers=ada.headers), 428, "precondition_required")


async def test_the_codes_of_problems_are_an_open_enumeration(app: FastAPI) -> None:
    """Every code of this release is named, and a later release may add one."""
    code = app.openapi()["components"]["schemas"]["ProblemDetails"]["properties"]["code"]
    assert {"type": "string"} in code["anyOf"]
    [named] = [choice["enum"] for choice in code["anyOf"] if "enum" in choice]
    assert named == list(CODES)
