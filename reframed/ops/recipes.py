"""`reframe recipes`: what each recipe does, and its steps' options, from the steps' own texts."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import msgspec

from reframed import config, recipe
from reframed.errors import ReframeError
from reframed.recipe import Recipe, RecipeStep
from reframed.schema import summary
from reframed.steps import step_class
from reframed.text import did_you_mean, listing, safe
from reframed.yamltypes import describe_type


def describe(path: Path | None, only: str | None) -> list[dict[str, Any]]:
    """All recipes (or `only` one) as plain data. Raises ConfigError, ReframeError."""
    recipes = recipe.load_all(config.read(path))
    if only is not None and only not in recipes:
        raise ReframeError(f'There is no recipe "{safe(only)}"{did_you_mean(only, recipes)}.', "See `reframe recipes`.")
    return [_describe(found) for name, found in sorted(recipes.items()) if only in (None, name)]


def _describe(found: Recipe) -> dict[str, Any]:
    return {
        "name": found.name,
        "about": found.about,
        "file": str(found.path),
        "revision": found.revision,
        "kinds": found.match.kinds,
        "extensions": found.match.extensions,
        "steps": [_step(step) for step in found.steps],
    }


def _step(step: RecipeStep) -> dict[str, Any]:
    kind = step_class(step.name)
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return {
        "name": step.name,
        "about": summary(kind),
        "slot": kind.slot,
        "needs": list(kind.needs),
        "makes": list(kind.makes),
        "options": [
            {
                "name": field.encode_name,
                "value": step.options[field.name],
                "default": _default(field),
                "required": field.required,
                "type": describe_type(field.type),
                "about": _description(field.type),
            }
            for field in info.fields
        ],
    }


def _default(field: msgspec.inspect.Field) -> Any:
    """The value of an option that is not written; None if it must be."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return None if field.default is msgspec.NODEFAULT else field.default


def _description(type_: msgspec.inspect.Type) -> str:
    extra = type_.extra_json_schema if isinstance(type_, msgspec.inspect.Metadata) else None
    return str((extra or {}).get("description", ""))


def lines(described: list[dict[str, Any]], *, full: bool) -> list[str]:
    """The description as text; `full` adds every option."""
    printed: list[str] = []
    for item in described:
        printed.append(f"{item['name']}: {safe(item['about'])}")
        printed.append(f"  for {listing(item['kinds'])} files; {safe(item['file'])}")
        for step in item["steps"]:
            printed.append(f"  {step['name']}: {step['about']}")
            options = (
                step["options"]
                if full
                else [option for option in step["options"] if option["value"] != option["default"]]
            )
            for option in options:
                default = "required" if option["required"] else f"default {_value(option['default'])}"
                allowed = f"({option['type']}; {default})"
                printed.append(f"    {option['name']}: {_value(option['value'])}  {allowed}")
                printed += (
                    textwrap.wrap(option["about"], 100, initial_indent=" " * 8, subsequent_indent=" " * 8)
                    if full
                    else []
                )
    return printed if full else [*printed, "`reframe recipes NAME` shows every option."]


def _value(value: Any) -> str:
    return msgspec.json.encode(value).decode() if not isinstance(value, str) else safe(value)
