"""YAML nodes checked against msgspec types: the types that describe the options are what reads them."""

from __future__ import annotations

import math
import re
from typing import Any, TypeVar

import msgspec
import yaml

from reframed.text import did_you_mean, listing, parse_duration, parse_size, safe
from reframed.yamlfile import Source, kind, mapping

MAX_NODES = 20_000
_CORE_TAGS = "tag:yaml.org,2002:"
_PLAIN = frozenset({"str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value"})
T = TypeVar("T")


def convert(node: yaml.Node | None, type_: type[T], source: Source) -> T | None:
    """`node` as an instance of the msgspec Struct `type_`; faults go to `source`, and then the result is None.

    An empty document counts as an empty mapping. Every fault in the document is noted, not just the first. Raises
    ConfigError at once if aliases unfold to more than MAX_NODES values.
    """
    before = len(source.faults)
    info = msgspec.inspect.type_info(type_)
    assert isinstance(info, msgspec.inspect.StructType)
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == _CORE_TAGS + "null"):
        node = yaml.MappingNode(_CORE_TAGS + "map", [])
    value = _struct(node, info, "", source)
    return value if len(source.faults) == before else None


def _struct(node: yaml.Node, info: msgspec.inspect.StructType, where: str, source: Source) -> Any:
    if not _enter(node, source):
        return None
    entries = mapping(node, where, source)
    if not isinstance(node, yaml.MappingNode):
        return None
    fields = {field.encode_name: field for field in info.fields}
    values: dict[str, Any] = {}
    for name, (key, value) in entries.items():
        if name not in fields:
            hint = did_you_mean(name, fields) or f"; known: {listing(sorted(fields))}"
            source.fault(key, f'unknown option "{safe(name)}"{" in " + where if where else ""}{hint}')
        else:
            values[fields[name].name] = _value(value, fields[name].type, name, source)
    for name, field in fields.items():
        if field.required and name not in entries:
            source.fault(node, f'"{name}" is missing{" in " + where if where else ""}')
    if source.faults:
        return None
    return info.cls(**values)


def _enter(node: yaml.Node, source: Source) -> bool:
    """Count one more node (aliases count each time) and refuse foreign tags."""
    source.visited += 1
    if source.visited > MAX_NODES:
        source.fault(node, f"unfolds to over {MAX_NODES} values")
        source.raise_faults()
    if node.tag.removeprefix(_CORE_TAGS) not in _PLAIN:
        source.fault(node, f'the tag "{safe(node.tag)}" is not allowed: write a plain value')
        return False
    return True


def _value(node: yaml.Node, type_: msgspec.inspect.Type, where: str, source: Source) -> Any:
    if not _enter(node, source):
        return None
    unit = None
    while isinstance(type_, msgspec.inspect.Metadata):
        unit = (type_.extra or {}).get("unit", unit)
        type_ = type_.type
    if isinstance(type_, msgspec.inspect.StructType):
        return _struct(node, type_, where, source)
    if isinstance(type_, msgspec.inspect.ListType):
        return _list(node, type_, where, source)
    if isinstance(type_, msgspec.inspect.DictType):
        entries = mapping(node, where, source)
        return {name: _value(value, type_.value_type, name, source) for name, (_, value) in entries.items()}
    if isinstance(type_, msgspec.inspect.UnionType):
        return _union(node, type_, where, source)
    return _scalar(node, type_, unit, where, source)


def _list(node: yaml.Node, type_: msgspec.inspect.ListType, where: str, source: Source) -> Any:
    if not isinstance(node, yaml.SequenceNode):
        source.fault(node, f'"{where}" must be a list, not {kind(node)}')
        return None
    return [_value(item, type_.item_type, f"{where}[{index}]", source) for index, item in enumerate(node.value)]


def _union(node: yaml.Node, type_: msgspec.inspect.UnionType, where: str, source: Source) -> Any:
    """The first member that takes the node; text is tried last, for it takes every scalar."""
    members = sorted(type_.types, key=lambda member: isinstance(_bare(member), msgspec.inspect.StrType))
    for member in members:
        trial = Source(source.file)
        trial.visited = source.visited
        value = _value(node, member, where, trial)
        source.visited = trial.visited
        if not trial.faults:
            return value
    wanted = listing((describe_type(member) for member in type_.types), "or")
    source.fault(node, f'"{where}" must be {wanted}, not {kind(node)}')
    return None


def _bare(type_: msgspec.inspect.Type) -> msgspec.inspect.Type:
    while isinstance(type_, msgspec.inspect.Metadata):
        type_ = type_.type
    return type_


def _scalar(node: yaml.Node, type_: msgspec.inspect.Type, unit: str | None, where: str, source: Source) -> Any:
    wanted = describe_type(type_, unit)
    if not isinstance(node, yaml.ScalarNode):
        source.fault(node, f'"{where}" must be {wanted}, not {kind(node)}')
        return None
    try:
        return _read_scalar(node, type_, unit)
    except ValueError:
        choices = type_.values if isinstance(type_, msgspec.inspect.LiteralType) else ()
        hint = did_you_mean(node.value, [str(choice) for choice in choices])
        source.fault(node, f'"{where}" must be {wanted}, not {kind(node)}{hint}')
        return None


def _read_scalar(node: yaml.ScalarNode, type_: msgspec.inspect.Type, unit: str | None) -> Any:
    tag, text = node.tag.removeprefix(_CORE_TAGS), node.value
    match type_:
        case msgspec.inspect.NoneType() if tag == "null":
            return None
        case msgspec.inspect.BoolType() if tag == "bool":
            return text.lower() in {"true", "yes", "on"}
        case msgspec.inspect.StrType() if tag != "null" and (type_.pattern is None or re.search(type_.pattern, text)):
            return text  # "no" stays the language code that was written, not the YAML 1.1 boolean
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType() if tag not in {"bool", "null"}:
            return _number(text, type_, unit)
        case msgspec.inspect.LiteralType() if text in type_.values:
            return text
    raise ValueError(text)


def _number(text: str, type_: msgspec.inspect.IntType | msgspec.inspect.FloatType, unit: str | None) -> float:
    readers = {"duration": parse_duration, "size": parse_size}
    plain = int if isinstance(type_, msgspec.inspect.IntType) else float
    number = readers[unit](text) if unit else plain(text)
    if not math.isfinite(number):
        raise ValueError(text)
    if (type_.ge is not None and number < type_.ge) or (type_.le is not None and number > type_.le):
        raise ValueError(text)
    if (type_.gt is not None and number <= type_.gt) or (type_.lt is not None and number >= type_.lt):
        raise ValueError(text)
    return number


def describe_type(type_: msgspec.inspect.Type, unit: str | None = None) -> str:
    """What a value of `type_` looks like, for a person."""
    while isinstance(type_, msgspec.inspect.Metadata):
        unit = (type_.extra or {}).get("unit", unit)
        type_ = type_.type
    match type_:
        case msgspec.inspect.LiteralType():
            return listing((str(value) for value in type_.values), "or")
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return _describe_number(type_, unit)
        case msgspec.inspect.UnionType():
            return listing((describe_type(member) for member in type_.types), "or")
        case msgspec.inspect.ListType():
            return f"a list of {describe_type(type_.item_type)}"
    if unit == "colour":
        return 'a colour like "#FFE500", in quotes'
    names = {"BoolType": "true or false", "StrType": "text", "NoneType": "null"}
    return names.get(type(type_).__name__, "a mapping")


def _describe_number(type_: msgspec.inspect.IntType | msgspec.inspect.FloatType, unit: str | None) -> str:
    if unit == "duration":
        return 'a duration like "90s" or "2h"'
    if unit == "size":
        return 'a size like "500MB" or "20GB"'
    name = "a whole number" if isinstance(type_, msgspec.inspect.IntType) else "a number"
    if type_.ge is not None and type_.le is not None:
        return f"{name} from {type_.ge} to {type_.le}"
    if type_.gt is not None and type_.le is not None:
        return f"{name} above {type_.gt}, at most {type_.le}"
    return f"{name} of at least {type_.ge}" if type_.ge is not None else name
