"""reframe.yaml -> a frozen Config with absolute paths, or every fault in it at once."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

from reframed import yamlfile, yamltypes
from reframed.paths import config_file, default_home, default_state
from reframed.text import safe

Duration = Annotated[float, Meta(ge=0, extra={"unit": "duration"}, extra_json_schema={"x-unit": "duration"})]
Size = Annotated[int, Meta(ge=0, extra={"unit": "size"}, extra_json_schema={"x-unit": "size"})]
BESIDE = "beside"
RESERVED_FOLDERS = ("done", "failed", ".trash")


class Inbox(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A watched folder and its rules."""

    path: Annotated[str, Meta(description="The folder to watch.")]
    recipe: Annotated[str | list[str], Meta(description="The recipe (or recipes) for files that arrive here.")]
    name: Annotated[str, Meta(description="Shown in lists; default: the folder's name.")] = ""
    outbox: Annotated[
        str,
        Meta(
            description="Where results go (the inbox's subfolders are mirrored there), or `beside`: next to the file, "
            "which then stays where it is. Default: `outbox/NAME` for `inbox/NAME`, else `NAME-outbox`."
        ),
    ] = ""
    ignore: Annotated[
        list[str], Meta(description="More name patterns to ignore, like `*.sample.mkv` or `Extras/`.")
    ] = []
    settle: Annotated[
        Duration | None,
        Meta(description="How long a file must be still before it is taken; default 2s, on network folders 10s."),
    ] = None
    grace: Annotated[
        Duration, Meta(description="How long a file that cannot be read yet may go on arriving before it fails.")
    ] = 60.0
    sidecar_grace: Annotated[
        Duration,
        Meta(description="How long after a file was taken its subtitles (NAME.en.srt) may still arrive and be used."),
    ] = 60.0
    recursive: Annotated[bool, Meta(description="Whether subfolders are watched too.")] = True
    after: Annotated[
        Literal["done", "keep", "trash"],
        Meta(description="What happens to the source afterwards: to `done/`, left there, or to `.trash/`."),
    ] = "done"
    watch: Annotated[
        Literal["auto", "events", "poll"],
        Meta(description="How changes are noticed; auto polls network folders."),
    ] = "auto"

    @property
    def recipes(self) -> list[str]:
        """The names of the recipes, in order."""
        return [self.recipe] if isinstance(self.recipe, str) else list(dict.fromkeys(self.recipe))

    @property
    def keeps_source(self) -> bool:
        """Whether a source stays in place after success."""
        return self.after == "keep" or self.outbox == BESIDE


class Slots(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many steps run at once."""

    cpu: Annotated[int, Meta(ge=1, le=64, description="Steps at once on the CPU.")] = 2
    gpu: Annotated[
        Annotated[int, Meta(ge=0, le=16)] | Literal["auto"],
        Meta(description="Steps at once on GPUs; auto: 1 if there is an NVIDIA GPU, else 0."),
    ] = "auto"


class Models(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where models are and when they leave memory."""

    folder: Annotated[str, Meta(description="Where fetched models are kept; default: models/ in the state folder.")] = (
        ""
    )
    whisper: Annotated[
        str, Meta(description="Whisper model for `model: auto`: a name like small, a folder, or auto (best installed).")
    ] = "auto"
    idle_unload: Annotated[Duration, Meta(description="A runner that did nothing for so long ends.")] = 300.0


class Llm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server with a language model for `engine: llm`. The key itself is never written here."""

    url: Annotated[
        str, Meta(description="An OpenAI-compatible address, like http://localhost:11434/v1; empty: none.")
    ] = ""
    model: Annotated[str, Meta(description="The model's name there.")] = ""
    key_file: Annotated[str, Meta(description="A file that holds the key, and nothing else.")] = ""
    key_variable: Annotated[str, Meta(description="Or: the environment variable that holds the key.")] = ""
    timeout: Annotated[Duration, Meta(description="How long one answer may take.")] = 60.0


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long Reframe's own records are kept. Files of yours are never removed."""

    jobs: Annotated[Duration, Meta(description="Ended jobs in the ledger, with their logs.")] = 365 * 86400.0
    cache: Annotated[Size, Meta(description="Finished steps kept for reuse; the oldest go first.")] = 20_000_000_000


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When to wait, try again, or give up."""

    min_free: Annotated[Size, Meta(description="Jobs wait while a disk they write to has less free.")] = 1_000_000_000
    attempts: Annotated[int, Meta(ge=1, le=20, description="Tries of a step whose fault may pass.")] = 3
    crashes: Annotated[int, Meta(ge=1, le=20, description="Crashes of a step's runner before the job fails.")] = 3
    retry_delay: Annotated[Duration, Meta(description="Pause before the second try; it doubles each time.")] = 30.0
    stall: Annotated[Duration, Meta(description="A step that reports nothing for so long is stopped.")] = 3600.0


class Log(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the daemon logs."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="The least level.")] = "info"


class Tui(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the dashboard looks and which keys it has."""

    theme: Annotated[Literal["dark", "light"], Meta(description="Colours for a dark or a light terminal.")] = "dark"
    ascii: Annotated[
        bool | Literal["auto"], Meta(description="Only ASCII signs; auto: when the locale has no UTF-8.")
    ] = "auto"
    keys: Annotated[
        dict[str, str],
        Meta(
            description="Other keys, by name: `retry: ctrl+r`. `?` in the dashboard shows all; names are in the README."
        ),
    ] = {}


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of reframe.yaml. Without a file, one inbox for captions under ~/Reframe."""

    state: Annotated[str, Meta(description="Ledger, logs, cache and models; on a local disk.")] = ""
    recipes: Annotated[str, Meta(description="Folder of your own recipes; they override those that ship.")] = ""
    slots: Slots = Slots()
    inboxes: list[Inbox] = []
    models: Models = Models()
    llm: Llm = Llm()
    retention: Retention = Retention()
    limits: Limits = Limits()
    log: Log = Log()
    tui: Tui = Tui()
    offline: Annotated[bool, Meta(description="Refuse whatever would open a network connection.")] = False
    operators: Annotated[
        list[str], Meta(description="Users, besides the daemon's own and root, who may command every job.")
    ] = []
    nice: Annotated[int, Meta(ge=0, le=19, description="Politeness of runners towards other programs.")] = 5

    @property
    def state_path(self) -> Path:
        """The state folder."""
        return Path(self.state)

    @property
    def models_path(self) -> Path:
        """The folder of fetched models."""
        return Path(self.models.folder)

    def inbox(self, name: str) -> Inbox | None:
        """The inbox called `name`, if there is one."""
        return next((inbox for inbox in self.inboxes if inbox.name == name), None)


class ConfigFile(Struct, frozen=True):
    """A Config with what is needed to point at its lines."""

    config: Config
    source: Any
    root: Any

    def fault(self, message: str, *keys: str | int) -> None:
        """Note a fault at the value under `keys` (or the nearest enclosing one that was written)."""
        self.source.fault(_locate(self.root, *keys), message)


def load(path: Path | None = None) -> Config:
    """The configuration at `path`, else at the usual places, else the defaults. Raises ConfigError."""
    file = read(path)
    file.source.raise_faults()
    return file.config


def read(path: Path | None = None) -> ConfigFile:
    """Like load, but faults that need more than the types stay in `.source` for the caller to add to."""
    found = config_file(path)
    if found is None:
        return ConfigFile(_resolve(default_config(), default_home()), yamlfile.Source("defaults"), None)
    root, source = yamlfile.read(found)
    config = yamltypes.convert(root, Config, source)
    source.raise_faults()
    assert config is not None
    if not config.inboxes and (root is None or _locate(root, "inboxes") is root):
        config = msgspec.structs.replace(config, inboxes=default_config().inboxes)
    file = ConfigFile(_resolve(config, found.resolve().parent), source, root)
    _check(file)
    return file


def tui_settings(node: Any) -> Tui:
    """The section `tui:` alone, for a dashboard that must open at once. Raises ConfigError."""
    source = yamlfile.Source("tui:")
    found = yamltypes.convert(node, Tui, source)
    source.raise_faults()
    assert found is not None
    return found


def default_config() -> Config:
    """What runs when nothing is configured."""
    home = default_home()
    return Config(
        inboxes=[Inbox(path=f"{home}/inbox/captions", recipe="captions", outbox=f"{home}/outbox/captions")],
    )


def _resolve(config: Config, base: Path) -> Config:
    def absolute(text: str) -> str:
        return os.path.abspath(os.path.join(base, os.path.expanduser(text)))

    state = absolute(config.state) if config.state else str(default_state())
    models = absolute(config.models.folder) if config.models.folder else f"{state}/models"
    whisper = absolute(config.models.whisper) if "/" in config.models.whisper else config.models.whisper
    return msgspec.structs.replace(
        config,
        state=state,
        recipes=absolute(config.recipes) if config.recipes else "",
        inboxes=_name_inboxes([_resolve_inbox(inbox, absolute) for inbox in config.inboxes]),
        models=msgspec.structs.replace(config.models, folder=models, whisper=whisper),
        llm=msgspec.structs.replace(config.llm, key_file=absolute(config.llm.key_file) if config.llm.key_file else ""),
    )


def _resolve_inbox(inbox: Inbox, absolute: Any) -> Inbox:
    path = absolute(inbox.path)
    outbox = inbox.outbox or _outbox_for(path)
    return msgspec.structs.replace(inbox, path=path, outbox=BESIDE if outbox == BESIDE else absolute(outbox))


def _outbox_for(inbox: str) -> str:
    """The outbox of an inbox that names none: `.../outbox/x` for `.../inbox/x`, else `x-outbox` beside it."""
    parent, name = os.path.split(inbox)
    if os.path.basename(parent) == "inbox":
        return os.path.join(os.path.dirname(parent), "outbox", name)
    return f"{inbox}-outbox"


def _name_inboxes(inboxes: list[Inbox]) -> list[Inbox]:
    """Give every inbox without a name its folder's, numbered where two are alike."""
    named: list[Inbox] = []
    taken = {inbox.name for inbox in inboxes if inbox.name}
    for inbox in inboxes:
        name, number = inbox.name or safe(os.path.basename(inbox.path)) or "inbox", 2
        while not inbox.name and name in taken:
            name, number = f"{safe(os.path.basename(inbox.path))}-{number}", number + 1
        taken.add(name)
        named.append(msgspec.structs.replace(inbox, name=name))
    return named


def _locate(node: yaml.Node | None, *keys: str | int) -> yaml.Node | None:
    for key in keys:
        children: dict[str | int, yaml.Node] = {}
        if isinstance(node, yaml.MappingNode):
            children = {k.value: v for k, v in node.value if isinstance(k, yaml.ScalarNode)}
        elif isinstance(node, yaml.SequenceNode):
            children = dict(enumerate(node.value))
        if key not in children:
            return node
        node = children[key]
    return node


def _check(file: ConfigFile) -> None:
    """Faults that types cannot say: folders that would feed themselves, doubles, unknown users."""
    inboxes = file.config.inboxes
    names: dict[str, int] = {}
    for index, inbox in enumerate(inboxes):
        if names.setdefault(inbox.name, index) != index:
            file.fault(f'two inboxes are called "{safe(inbox.name)}"', "inboxes", index, "name")
        _check_outbox(file, index, inbox)
        for other in range(index):
            _check_pair(file, index, other)
    llm = file.config.llm
    if llm.url and not llm.url.startswith(("http://", "https://")):
        file.fault("it must begin with http:// or https://", "llm", "url")
    elif "@" in llm.url.partition("://")[2].partition("/")[0]:
        file.fault("it holds a user or password: put a key into `key_file`", "llm", "url")
    if llm.url and not llm.model:
        file.fault("`model` is missing: which of the server's models?", "llm")
    for index, name in enumerate(file.config.operators):
        try:
            pwd.getpwnam(name)
        except KeyError:
            file.fault(f'there is no user "{safe(name)}" on this machine', "operators", index)


def _check_outbox(file: ConfigFile, index: int, inbox: Inbox) -> None:
    if inbox.outbox == BESIDE:
        if inbox.after == "trash":
            file.fault(
                "`outbox: beside` leaves the source alone: `after: trash` contradicts it", "inboxes", index, "after"
            )
        return
    for other, watched in enumerate(file.config.inboxes):
        if is_inside(inbox.outbox, watched.path) and (watched.recursive or _same(inbox.outbox, watched.path)):
            what = "the inbox itself" if other == index else f'the inbox "{safe(watched.name)}"'
            relation = "is" if _same(inbox.outbox, watched.path) else "lies inside"
            file.fault(
                f"the outbox {relation} {what}: results would be taken as new files. Choose a folder outside, or "
                "`outbox: beside`",
                *("inboxes", index, "outbox"),
            )
    if is_inside(file.config.state, inbox.path):
        file.fault(
            "the state folder lies inside this inbox: choose another place for one of them", "inboxes", index, "path"
        )


def _check_pair(file: ConfigFile, index: int, other: int) -> None:
    one, two = file.config.inboxes[index], file.config.inboxes[other]
    if _same(one.path, two.path):
        file.fault(
            f'"{safe(one.path)}" is watched twice (also by the inbox "{safe(two.name)}"). For two recipes on one folder '
            "give one inbox a list: `recipe: [a, b]`",
            *("inboxes", index, "path"),
        )
    elif (is_inside(one.path, two.path) and two.recursive) or (is_inside(two.path, one.path) and one.recursive):
        file.fault(
            f'the inboxes "{safe(one.name)}" and "{safe(two.name)}" overlap: a file would be taken twice. Make the outer '
            "one `recursive: false` or move one of them",
            *("inboxes", index, "path"),
        )


def _same(one: str, two: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(two)


def is_inside(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies anywhere below it, links resolved."""
    real, root = os.path.realpath(path), os.path.realpath(folder)
    return real == root or real.startswith(root.rstrip("/") + "/")
