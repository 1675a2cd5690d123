"""`reframe check`: the configuration and all recipes, every fault at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import yaml

from reframed import config, recipe, yamlfile
from reframed.config import Config
from reframed.errors import ConfigError, Fault
from reframed.paths import config_file
from reframed.text import safe


class Report(NamedTuple):
    """What was checked, and what is wrong."""

    file: str
    inboxes: int
    recipes: int
    faults: list[Fault]


def check_all(path: Path | None) -> Report:
    """Check everything. A configuration whose types are wrong does not hide the faults in the recipes."""
    found = config_file(path)
    name = safe(str(found)) if found else "defaults (there is no reframe.yaml)"
    try:
        file = config.read(path)
    except ConfigError as error:
        return Report(name, 0, 0, sorted({*error.faults, *_recipe_faults(found)}))
    try:
        recipes = recipe.load_all(file)
    except ConfigError as error:
        return Report(name, len(file.config.inboxes), 0, error.faults)
    return Report(name, len(file.config.inboxes), len(recipes), [])


def _recipe_faults(found: Path | None) -> list[Fault]:
    """Faults in the recipes, with as much of a broken configuration as can be read: where the recipes are."""
    folder = _recipes_folder(found) if found else ""
    settings = recipe.settings_of(Config(recipes=folder, models=config.Models(folder="/nonexistent")))
    faults: list[Fault] = []
    for path in recipe.files(Config(recipes=folder)).values():
        try:
            recipe.load(path, settings)
        except ConfigError as error:
            faults += error.faults
    return faults


def _recipes_folder(found: Path) -> str:
    try:
        root, _ = yamlfile.read(found)
    except ConfigError:
        return ""
    entries = root.value if isinstance(root, yaml.MappingNode) else []
    named = [value.value for key, value in entries if key.value == "recipes" and isinstance(value, yaml.ScalarNode)]
    return os.path.join(found.resolve().parent, os.path.expanduser(named[0])) if named and named[0] else ""
