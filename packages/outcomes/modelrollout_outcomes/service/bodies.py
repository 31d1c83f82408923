"""Read what callers send, up to a limit, item by item."""

from collections.abc import Iterable
from typing import Any, TypeVar

from fastapi import HTTPException, Request
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from modelrollout_outcomes.records import Rejection

_Item = TypeVar("_Item")


async def read_items(request: Request, field: str, limit: int) -> list[Any]:
    """The list in `field` of a JSON object. Answers 400 if there is none and 413 if it is longer than `limit` bytes."""
    try:
        body = from_json(await _read(request, limit))
    except ValueError as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from error
    items = body.get(field) if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise HTTPException(400, f'the body must be {{"{field}": [...]}}')
    return items


def validate(items: Iterable[Any], kind: TypeAdapter[_Item]) -> tuple[dict[int, _Item], list[Rejection]]:
    """Those of the items that can be read, by their place, and why the others cannot."""
    valid: dict[int, _Item] = {}
    rejected = []
    for index, item in enumerate(items):
        try:
            valid[index] = kind.validate_python(item)
        except ValidationError as error:
            rejected.append(Rejection(index=index, reason=explain(error)))
    return valid, rejected


def explain(error: ValidationError) -> str:
    """What is wrong, in one line, without the value, which may be anything."""
    problems = {
        f"{problem['loc'][0]}: {problem['msg']}" if problem["loc"] else problem["msg"]
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    }
    return "; ".join(sorted(problems)).replace("Value error, ", "")


async def _read(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"the body is longer than {limit} bytes: send fewer items at once")
    return bytes(body)
