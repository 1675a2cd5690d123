"""JSON Schemas of reframe.yaml and of recipes, made from the types that check them."""

from __future__ import annotations

from typing import Any

import msgspec

from reframed import steps
from reframed.config import Config
from reframed.recipe import Match

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SPAN = r"\d+(\.\d+)?\s*(ms|s|m|min|h|d|w)"
_UNITS = {
    "duration": {"type": ["string", "number"], "pattern": rf"^\s*(\d+(\.\d+)?|{_SPAN}(\s*{_SPAN})*)\s*$"},
    "size": {"type": ["string", "integer"], "pattern": r"^\s*\d+(\.\d+)?\s*([kKmMgGtT]i?)?[bB]?\s*$"},
}


def config_schema() -> dict[str, Any]:
    """The schema of reframe.yaml."""
    schema = msgspec.json.schema(Config)
    checked: dict[str, Any] = _with_units(schema)
    return {"$schema": _DIALECT, "title": "reframe.yaml", **checked}


def recipe_schema() -> dict[str, Any]:
    """The schema of a recipe file; every step's options are in it."""
    kinds = {name: steps.step_class(name) for name in steps.names()}
    (match, *listed), definitions = msgspec.json.schema_components(
        [Match, *kinds.values()], ref_template="#/$defs/{name}"
    )
    entries: list[dict[str, Any]] = [{"enum": list(kinds), "description": "A step with its default options."}]
    for (name, kind), options in zip(kinds.items(), listed, strict=True):
        entries.append(
            {
                "type": "object",
                "description": summary(kind),
                "properties": {name: {"anyOf": [options, {"type": "null"}]}},
                "required": [name],
                "additionalProperties": False,
            }
        )
    return {
        "$schema": _DIALECT,
        "title": "Reframe recipe",
        "type": "object",
        "properties": {
            "about": {"type": "string", "description": "What the recipe does, in a sentence."},
            "match": match,
            "steps": {"type": "array", "minItems": 1, "items": {"anyOf": entries}},
        },
        "required": ["steps"],
        "additionalProperties": False,
        "$defs": _with_units(definitions),
    }


def summary(kind: type) -> str:
    """The first line of a docstring."""
    return (kind.__doc__ or "").strip().split("\n", 1)[0]


def _with_units(schema: Any) -> Any:
    """Durations and sizes are texts with units, or numbers."""
    if isinstance(schema, list):
        return [_with_units(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    unit = schema.get("x-unit")
    if unit is None:
        return {key: _with_units(value) for key, value in schema.items()}
    kept = {key: value for key, value in schema.items() if key in ("description", "default", "minimum")}
    return kept | _UNITS[unit]
