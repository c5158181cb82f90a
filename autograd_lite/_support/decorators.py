"""Functions of every kind that run inside a context: what `@no_grad()` makes of the function below it."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any


def inside(context: AbstractContextManager[Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose every call runs inside a context that may be entered again, with the same name.

    Examples
    --------
    >>> from autograd_lite import Value, no_grad
    >>> double = inside(no_grad(), lambda x: 2 * x)
    >>> double(Value(1.0)).is_leaf
    True
    """
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(inside(context, function.__func__))
    if isinstance(function, type) or not callable(function):
        raise TypeError(
            f"{type(context).__name__} decorates a function or a method, got {function!r}; of a class, decorate methods"
        )

    def call(*args: Any, **kwargs: Any) -> Any:
        with context:
            return function(*args, **kwargs)

    def generate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with context:
            return (yield from function(*args, **kwargs))

    async def call_async(*args: Any, **kwargs: Any) -> Any:
        with context:
            return await function(*args, **kwargs)

    async def generate_async(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with context:
            generator = function(*args, **kwargs)
            try:
                item = await anext(generator)
                while True:
                    try:
                        sent = yield item
                    except GeneratorExit:
                        raise
                    except BaseException as error:  # what was thrown in goes on to the generator
                        item = await generator.athrow(error)
                    else:
                        item = await generator.asend(sent)
            except StopAsyncIteration:
                pass
            finally:
                await generator.aclose()

    kinds = {
        inspect.isgeneratorfunction: generate,
        inspect.iscoroutinefunction: call_async,
        inspect.isasyncgenfunction: generate_async,
    }
    wrapper: Callable[..., Any] = next((made for is_kind, made in kinds.items() if is_kind(function)), call)
    return wraps(function)(wrapper)
