"""/docs: the service's description (OpenAPI) as a page that asks no other server for anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..page.frame import fill_frame
from ..page.markup import Markup, join, tag

Schema = Mapping[str, Any]


def calls_page(description: Schema) -> str:
    """A page with each call: what it does, its parameters or body, and the fields of its answer."""
    calls = [
        (f"{method.upper()} {path}", call)
        for path, methods in description["paths"].items()
        for method, call in methods.items()
    ]
    body = join([
        tag("p", description["info"]["description"]),
        tag("p", "The same for programs: ", tag("a", "openapi.json", href="openapi.json"), "."),
        *(_section(name, call, description["components"]["schemas"]) for name, call in calls),
    ])  # fmt: skip
    return fill_frame(description["info"]["title"], {_id(name): name for name, _ in calls}, body, "ptmrec serve")


def _section(name: str, call: Schema, schemas: Mapping[str, Schema]) -> Markup:
    asked = [
        _asked(given["name"], given["schema"], given.get("required", False), given.get("description", ""), schemas)
        for given in call.get("parameters", [])
    ]
    if "requestBody" in call:
        body = _resolved(call["requestBody"]["content"]["application/json"]["schema"], schemas)
        asked += [
            _asked(field, kind, field in body.get("required", []), kind.get("description", ""), schemas)
            for field, kind in body["properties"].items()
        ]
    answer = call["responses"]["200"].get("content", {}).get("application/json", {}).get("schema")
    return tag(
        "section",
        tag("h2", name),
        tag("p", call.get("description", "")),
        tag("p", "Needs the key in the header ", tag("code", "X-API-Key"), ".") if "security" in call else None,
        tag("ul", asked) if asked else None,
        tag("p", "Answers with ", tag("code", _kind(answer, schemas)), ".") if answer else None,
        id=_id(name),
    )


def _asked(name: str, schema: Schema, needed: bool, words: str, schemas: Mapping[str, Schema]) -> Markup:
    said = f" {_kind(schema, schemas)}{', needed' if needed else ''}{f': {words}' if words else ''}"
    return tag("li", tag("code", name), said)


def _resolved(schema: Schema, schemas: Mapping[str, Schema]) -> Schema:
    return schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _kind(schema: Schema, schemas: Mapping[str, Schema]) -> str:
    """`{user, items: [{item, score}]}`, or the name of a plain type."""
    schema = _resolved(schema, schemas)
    if "anyOf" in schema:
        return _kind(schema["anyOf"][0], schemas)
    if schema.get("type") == "array":
        return f"[{_kind(schema['items'], schemas)}]"
    if "properties" in schema:
        nested = {name: _kind(field, schemas) for name, field in schema["properties"].items()}
        return f"{{{', '.join(f'{name}: {kind}' if kind[0] in '[{' else name for name, kind in nested.items())}}}"
    return str(schema.get("type", "any"))


def _id(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower()).strip("-")
