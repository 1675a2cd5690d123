"""Which models a recipe needs, and which of them are not here: before any job fails for want of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from reframed import config
from reframed.capacity import has_gpu
from reframed.errors import ReframeError
from reframed.protocol import Settings
from reframed.recipe import Recipe, load_all, settings_of
from reframed.speech import machine
from reframed.speech import models as whisper
from reframed.steps.transcribe import Transcribe
from reframed.steps.translate import Translate
from reframed.text import did_you_mean, listing, safe, size
from reframed.translation import firefox, models


class Need(NamedTuple):
    """A model that a step needs, whether it is here, and how to get it."""

    step: str
    what: str
    there: bool
    get: str = ""


def of(path: Path | None, name: str) -> list[Need]:
    """What the recipe `name` needs. Raises ReframeError, ConfigError."""
    file = config.read(path)
    recipes = load_all(file)
    if name not in recipes:
        raise ReframeError(
            f'There is no recipe "{safe(name)}"{did_you_mean(name, recipes)}.', f"There are {listing(sorted(recipes))}."
        )
    return list(needs(recipes[name], settings_of(file.config, "cuda" if has_gpu() else "cpu")))


def needs(recipe: Recipe, settings: Settings) -> Iterator[Need]:
    """What each step of a recipe needs."""
    spoken = "auto"
    for name, step in recipe.steps:
        if isinstance(step, Transcribe):
            spoken = step.language
            yield _whisper(name, step, settings)
        elif isinstance(step, Translate) and step.engine != "llm":
            source = step.source if step.source != "auto" else spoken
            for target in step.to:
                yield _translation(name, step.engine, source, target, Path(settings.models_folder))


def _whisper(name: str, step: Transcribe, settings: Settings) -> Need:
    wanted = settings.whisper if step.model == "auto" else step.model
    here = machine.here(settings.device)
    folder = Path(settings.models_folder)
    found = whisper.resolve(wanted, folder, here)
    if found is not None:
        return Need(name, f"the Whisper model {found.name} ({size(found.size_bytes)})", True)
    lacking = whisper.to_fetch(wanted, here)
    return Need(
        name, f"the Whisper model {lacking}", False, f"`reframe models fetch {lacking}`; else the first job does"
    )


def _translation(name: str, wanted: str, source: str, target: str, folder: Path) -> Need:
    engines = ("firefox", "argos") if wanted == "auto" else ("argos",) if wanted == "argostranslate" else (wanted,)
    into = target.split("-")[0].lower()
    if source == "auto":
        sources = sorted(_sources(engines, into, folder))
        what = f"a translation model into {target}"
        if sources:
            return Need(name, f"{what}: here from {listing(sources)}", True)
        return Need(name, what, False, f"for English speech `reframe models fetch {_prefix(wanted)}en-{into}`")
    tongue = source.split("-")[0].lower()
    for engine in engines:
        if legs := models.way(engine, tongue, into, folder):
            return Need(name, f"{engine} models {listing([leg.pair for leg in legs])}", True)
    return Need(
        name, f"a translation model {tongue}-{into}", False, f"`reframe models fetch {_prefix(wanted)}{tongue}-{into}`"
    )


def _prefix(wanted: str) -> str:
    return "argos:" if wanted in ("argos", "argostranslate") or not firefox.is_installed() else ""


def _sources(engines: tuple[str, ...], target: str, folder: Path) -> Iterator[str]:
    """The languages from which a way leads to `target`."""
    known = {item.pair.split("-")[0] for item in models.installed(folder)}
    for source in known - {target}:
        if any(models.way(engine, source, target, folder) for engine in engines):
            yield source
