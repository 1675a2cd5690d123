"""Recipe files -> checked Recipes: what a recipe matches, and its ordered steps with their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
import yaml
from msgspec import Meta, Struct

from reframed import steps, yamlfile, yamltypes
from reframed.config import Config, ConfigFile
from reframed.errors import ConfigError, Fault
from reframed.media.info import kind_of
from reframed.paths import shipped
from reframed.protocol import Server, Settings
from reframed.steps.base import Step, digest
from reframed.text import did_you_mean, listing, safe


class Match(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which files a recipe is for."""

    kinds: Annotated[list[Literal["video", "audio", "subtitles"]], Meta(description="Kinds of media it takes.")] = (
        msgspec.field(default_factory=lambda: ["video", "audio"])
    )
    extensions: Annotated[list[str], Meta(description="Only these extensions, like [mp4, mkv]; empty: all.")] = []


class RecipeStep(NamedTuple):
    """One step of a recipe, with its options."""

    name: str
    step: Step

    @property
    def options(self) -> dict[str, object]:
        """The options as plain values."""
        return {key: getattr(self.step, key) for key in self.step.__struct_fields__}


class Recipe(NamedTuple):
    """A checked recipe. `revision` changes when its steps, their options or the steps' own versions do."""

    name: str
    about: str
    match: Match
    steps: tuple[RecipeStep, ...]
    revision: str
    path: Path

    def takes(self, name: bytes) -> bool:
        """Whether a file of this name is for this recipe."""
        extension = name.rpartition(b".")[2].lower().decode("ascii", "replace")
        wanted = [item.lower().lstrip(".") for item in self.match.extensions]
        return kind_of(name) in self.match.kinds and (not wanted or extension in wanted)

    @property
    def takes_sidecars(self) -> bool:
        """Whether subtitles that come along are part of the job."""
        return any(step.step.takes_sidecars for step in self.steps)


Recipes = dict[str, Recipe]


def settings_of(config: Config, device: str = "cpu") -> Settings:
    """What steps may know of the configuration."""
    return Settings(
        models_folder=config.models.folder,
        whisper=config.models.whisper,
        offline=config.offline,
        device=device,
        recipes_folder=config.recipes,
        llm=Server(
            url=config.llm.url,
            model=config.llm.model,
            key_file=config.llm.key_file,
            key_variable=config.llm.key_variable,
            timeout_s=config.llm.timeout,
        ),
    )


def files(config: Config) -> dict[str, Path]:
    """Recipe files by name: those that ship, overridden by the user's."""
    found = {path.stem: path for path in sorted(shipped("recipes").glob("*.yaml"))}
    if config.recipes:
        found |= {path.stem: path for path in sorted(Path(config.recipes).glob("*.y*ml"))}
    return found


def load_all(file: ConfigFile) -> Recipes:
    """Every recipe, with every fault in them and in the configuration at once. Raises ConfigError."""
    faults: list[Fault] = list(file.source.faults)
    recipes: Recipes = {}
    settings = settings_of(file.config)
    known = files(file.config)
    for name, path in known.items():
        try:
            recipes[name] = load(path, settings)
        except ConfigError as error:
            faults += error.faults
    for index, inbox in enumerate(file.config.inboxes):
        for wanted in inbox.recipes:
            if wanted not in known:
                hint = did_you_mean(wanted, known) or f"; there are {listing(sorted(known))}"
                file.fault(f'there is no recipe "{safe(wanted)}"{hint}', "inboxes", index, "recipe")
        if not inbox.recipes:
            file.fault("the list of recipes is empty", "inboxes", index, "recipe")
    if file.config.recipes and not Path(file.config.recipes).is_dir():
        file.fault(f"the folder {safe(file.config.recipes)} is not there", "recipes")
    faults += file.source.faults
    if faults:
        raise ConfigError(faults)
    return recipes


def load(path: Path, settings: Settings) -> Recipe:
    """The recipe in one file. Raises ConfigError with every fault in it."""
    root, source = yamlfile.read(path)
    entries = yamlfile.mapping(root, "", source) if root is not None else {}
    for name, (key, _) in entries.items():
        if name not in ("about", "match", "steps"):
            source.fault(key, f'unknown option "{safe(name)}"{did_you_mean(name, ["about", "match", "steps"])}')
    about = _text(entries["about"][1], source) if "about" in entries else ""
    match = yamltypes.convert(entries["match"][1], Match, source) if "match" in entries else Match()
    listed = _steps(entries["steps"][1], source, settings) if "steps" in entries else []
    if "steps" not in entries:
        source.fault(root, '"steps" is missing: a recipe is a list of steps')
    source.raise_faults()
    assert match is not None
    return Recipe(path.stem, about, match, tuple(listed), _revision(listed), path)


def _text(node: yaml.Node, source: yamlfile.Source) -> str:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    source.fault(node, '"about" must be text')
    return ""


def _steps(node: yaml.Node, source: yamlfile.Source, settings: Settings) -> list[RecipeStep]:
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        source.fault(node, '"steps" must be a list with at least one step')
        return []
    listed = []
    have = {"media": "the source"}
    for item in node.value:
        found = _named(item, source)
        if found is None:
            continue
        name, options = found
        kind = steps.step_class(name)
        _check_needs(item, name, kind, have, source)
        have |= dict.fromkeys(kind.makes, name)
        step = yamltypes.convert(options, kind, source)
        if step is not None:
            for sentence in step.check(settings):
                source.fault(item, f"{name}: {sentence}")
            listed.append(RecipeStep(name, step))
    return listed


def _named(item: yaml.Node, source: yamlfile.Source) -> tuple[str, yaml.Node | None] | None:
    """The step's name and its options' node: `- captions`, or `- captions: {...}`."""
    if isinstance(item, yaml.ScalarNode):
        name, at, options = str(item.value), item, None
    elif isinstance(item, yaml.MappingNode) and len(item.value) == 1 and isinstance(item.value[0][0], yaml.ScalarNode):
        at, options = item.value[0]
        name = at.value
    else:
        source.fault(item, "a step is its name, or its name with its options: `- captions: {formats: [srt]}`")
        return None
    if name not in steps.names():
        hint = did_you_mean(name, steps.names()) or f"; there are {listing(steps.names())}"
        source.fault(at, f'unknown step "{safe(name)}"{hint}')
        return None
    return name, options


def _check_needs(item: yaml.Node, name: str, kind: type[Step], have: dict[str, str], source: yamlfile.Source) -> None:
    for need in kind.needs:
        if need not in have:
            makers = [other for other in steps.names() if need in steps.step_class(other).makes]
            source.fault(
                item, f'"{name}" needs a {need}, which no earlier step makes: put {listing(makers, "or")} before it'
            )


def _revision(listed: list[RecipeStep]) -> str:
    parts = [f"{name}:{step.version}:{msgspec.json.encode(step, order='sorted').decode()}" for name, step in listed]
    return digest(*parts)[:12]
