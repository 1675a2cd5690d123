"""The steps. Adding one is adding one file here: its name is the YAML name, its class's fields are the options."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from reframed.steps.base import Step


@cache
def names() -> tuple[str, ...]:
    """The names of all steps."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "base"))


@cache
def step_class(name: str) -> type[Step]:
    """The class of the step `name`, which must be one of `names()`."""
    module = importlib.import_module(f"{__name__}.{name}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Step) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__} must define exactly one Step, not {len(found)}")
    return found[0]
