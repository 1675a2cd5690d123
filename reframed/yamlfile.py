"""YAML read safely into nodes, with every fault at its line and column.

No tags, no merge keys, bounded size, depth and aliases: a configuration file is data that anybody may have sent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from reframed.errors import ConfigError, Fault
from reframed.text import safe

MAX_BYTES = 1_000_000
MAX_DEPTH = 30
MAX_ALIASES = 50

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Source:
    """One YAML file being read: its name for messages and the faults found so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.visited = 0

    def fault(self, node: yaml.Node | None, message: str) -> None:
        """Note that `message` holds at `node` (None: the whole file)."""
        line, column = (node.start_mark.line + 1, node.start_mark.column + 1) if node else (0, 0)
        self.faults.append(Fault(self.file, line, column, message))

    def raise_faults(self) -> None:
        """Raise ConfigError if any fault was noted."""
        if self.faults:
            raise ConfigError(self.faults)


def read(path: Path) -> tuple[yaml.Node | None, Source]:
    """The root node of the YAML file at `path` (None: empty file) and its Source. Raises ConfigError."""
    source = Source(safe(str(path)))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        source.fault(None, f"cannot be read: {error.strerror}")
        source.raise_faults()
    return parse(data, source), source


def parse(data: bytes, source: Source) -> yaml.Node | None:
    """The root node of YAML `data`. Raises ConfigError on a syntax error or a document past the bounds."""
    if len(data) > MAX_BYTES:
        source.fault(None, f"is larger than {MAX_BYTES // 1000} kB, far more than a configuration needs")
        source.raise_faults()
    try:
        text = data.decode("utf-8-sig")
        _check_bounds(text, source)
        source.raise_faults()
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError([Fault(source.file, line, 1, "is not UTF-8 text: save the file as UTF-8")]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise ConfigError([Fault(source.file, *place, f"not valid YAML: {error.problem}")]) from None
    except yaml.YAMLError as error:
        raise ConfigError([Fault(source.file, 0, 0, f"not valid YAML: {safe(str(error))}")]) from None
    return node


def _check_bounds(text: str, source: Source) -> None:
    depth = aliases = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        if depth > MAX_DEPTH or aliases > MAX_ALIASES:
            what = f"nests deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"uses over {MAX_ALIASES} aliases"
            mark: Any = event.start_mark
            source.faults.append(Fault(source.file, mark.line + 1, mark.column + 1, what))
            return


def mapping(node: yaml.Node, where: str, source: Source) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """The entries of a mapping node by key, as (key node, value node); notes bad and doubled keys."""
    if not isinstance(node, yaml.MappingNode):
        source.fault(node, f"{where or 'the file'} must be a mapping of names to values, not {kind(node)}")
        return {}
    entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            source.fault(key, "a key must be a plain word")
        elif key.value == "<<":
            source.fault(key, "merge keys (<<) are not supported: write the values out")
        elif key.value in entries:
            source.fault(key, f'"{safe(key.value)}" is given twice')
        else:
            entries[key.value] = (key, value)
    return entries


def kind(node: yaml.Node) -> str:
    """What a node is, in words."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return f'"{safe(node.value)[:60]}"' if node.value else "nothing"
