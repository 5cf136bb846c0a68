"""Dependencies: none runs in a thread."""

import inspect
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.app import ROUTERS


def test_no_route_depends_on_a_function_that_runs_in_a_thread() -> None:
    """FastAPI runs a plain function or a class in a thread, which costs up to a fifth of a request."""
    assert threaded(*ROUTERS) == []


def test_a_plain_function_a_generator_and_a_class_are_found() -> None:
    """Negative control: at any depth, and as the route itself."""
    router = APIRouter()

    def plain() -> None: ...

    def generator() -> Iterator[None]:
        yield

    class Parameters: ...

    async def nested(_: Annotated[None, Depends(plain)]) -> None: ...

    @router.get("/nested")
    async def get_nested(_: Annotated[None, Depends(nested)]) -> None: ...

    @router.get("/generator")
    async def get_generator(_: Annotated[None, Depends(generator)]) -> None: ...

    @router.get("/class")
    async def get_class(_: Annotated[Parameters, Depends()]) -> None: ...

    @router.get("/route")
    def get_route() -> None: ...

    assert [line.rpartition(".")[2] for line in threaded(router)] == ["plain", "generator", "Parameters", "get_route"]


def threaded(*routers: APIRouter) -> list[str]:
    """Return each function or class that FastAPI runs in a thread, with its route."""
    return [
        f"{route.path}: {getattr(call, '__module__', '')}.{getattr(call, '__qualname__', call)}"
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for call in calls(route.dependant)
        if not is_async(call)
    ]


def calls(dependant: Dependant) -> Iterator[object]:
    """Yield the functions and classes of a route or a dependency, its own dependencies first."""
    for dependency in dependant.dependencies:
        yield from calls(dependency)
    if dependant.call is not None:
        yield dependant.call


def is_async(call: object) -> bool:
    """Return True for a coroutine function, an async generator, and an object whose `__call__` is either."""
    function = call if inspect.isroutine(call) or inspect.isclass(call) else type(call).__call__
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
