"""Translation models on this machine: listing, installing from files, fetching from the engines' indexes, removing."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reframed.errors import ReframeError
from reframed.text import did_you_mean, listing, safe
from reframed.translation import argos, download, firefox
from reframed.translation.engine import route

# Where the engines' makers publish their models; the variables are for mirrors.
FIREFOX_INDEX = (
    "https://firefox.settings.services.mozilla.com/v1/buckets/main/collections/translations-models-v2/records"
)
ARGOS_INDEX = "https://raw.githubusercontent.com/argosopentech/argospm-index/main/index.json"
_FIREFOX_VARIABLE, _ARGOS_VARIABLE = "REFRAME_FIREFOX_INDEX", "REFRAME_ARGOS_INDEX"
_ARCHITECTURES = ("tiny", "base-memory", "base")  # the last is the best, and the slowest


class Model(NamedTuple):
    """An installed model of one engine for one pair of languages."""

    engine: str
    pair: str
    path: Path
    size_bytes: int
    origin: str


def installed(models_folder: Path) -> list[Model]:
    """Every model that an engine here could use."""
    found = [
        _model(firefox.NAME, f"{source}-{target}", firefox.folder(models_folder) / f"{source}-{target}", "installed")
        for source, target in firefox.pairs(models_folder)
    ]
    found += [_model(argos.NAME, item.name, item.path, item.origin) for item in argos.packages(models_folder)]
    return found


def _every(models_folder: Path) -> list[Model]:
    """What may be removed: every model, older versions and what is not whole too."""
    found = [_model(argos.NAME, item.name, item.path, item.origin) for item in argos.everything(models_folder)]
    known = {item.path for item in found}
    for engine, folder in ((firefox.NAME, firefox.folder(models_folder)), (argos.NAME, argos.folder(models_folder))):
        try:
            paths = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]
        except OSError:
            continue
        found += [_model(engine, path.name, path, "installed") for path in paths if path not in known]
    return found


def _model(engine: str, pair: str, path: Path, origin: str) -> Model:
    size_bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return Model(engine, pair, path, size_bytes, origin)


def revision(path: Path) -> str:
    """A fingerprint of a model's files by name, size and the start of each."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(path)}:{file.stat().st_size}\n".encode())
            with file.open("rb") as opened:
                digest.update(opened.read(4096))
    return digest.hexdigest()[:16]


def state(models_folder: Path) -> str:
    """Changes when a model is installed or removed; cheap."""
    parts = []
    for folder in (firefox.folder(models_folder), argos.folder(models_folder), argos.library_folder()):
        try:
            parts += [
                f"{entry.name}:{entry.stat().st_mtime_ns}" for entry in os.scandir(folder) if entry.name[0] != "."
            ]
        except OSError:
            parts.append("-")
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def way(engine: str, source: str, target: str, models_folder: Path) -> list[Model]:
    """The installed models that take `engine` from `source` to `target`; none if there is no way."""
    by_pair = {item.pair: item for item in installed(models_folder) if item.engine == engine}
    pairs = [(one, two) for one, _, two in (pair.partition("-") for pair in by_pair)]
    found = route(source, target, pairs, firefox.HUB)
    return [by_pair[f"{one}-{two}"] for one, two in itertools.pairwise(found)]


def install(path: Path, models_folder: Path) -> list[Model]:
    """Install an .argosmodel file, a folder of a Firefox model, or a folder of such folders. Raises ReframeError."""
    if path.is_file():
        return [_install_argos(path, models_folder)]
    if not path.is_dir():
        raise ReframeError(f"{safe(str(path))} is not there.", "Name a file or a folder.")
    found = [path, *sorted(entry for entry in path.iterdir() if entry.is_dir())]
    whole = [entry for entry in found if firefox.is_whole(entry)]
    packages = [entry for entry in sorted(path.iterdir()) if entry.suffix == argos.SUFFIX]
    if not whole and not packages:
        raise ReframeError(
            f"{safe(str(path))} holds no translation models.",
            "A Firefox model is a folder with model*.bin and vocab*.spm; an Argos package is an .argosmodel file.",
        )
    made = [_install_firefox(entry, models_folder) for entry in whole]
    return made + [_install_argos(entry, models_folder) for entry in packages]


def _install_argos(path: Path, models_folder: Path) -> Model:
    name = path.name.removesuffix(argos.SUFFIX).lstrip(".") or "package"
    target = argos.folder(models_folder) / name
    if argos.is_whole(target):
        raise ReframeError(
            f"The package {safe(name)} is installed already.", f"`reframe models remove {safe(name)}` first."
        )
    package = argos.unpack(path, target)
    return _model(argos.NAME, package.name, package.path, package.origin)


def _install_firefox(path: Path, models_folder: Path) -> Model:
    pair = _pair_of(path)
    target = firefox.folder(models_folder) / pair
    if firefox.is_whole(target):
        raise ReframeError(f"The model {pair} is installed already.", f"`reframe models remove {pair}` first.")
    partial = target.with_name(f".{pair}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        for pattern in ("model*.bin", "*vocab*.spm", "lex*.bin"):
            for file in sorted(path.glob(pattern)):
                shutil.copyfile(file, partial / file.name)
                _sync(partial / file.name)
        argos.set_aside(target)
        partial.rename(target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise ReframeError(
            f"{safe(str(path))} cannot be copied: {error.strerror}.", "Check space and permissions."
        ) from error
    return _model(firefox.NAME, pair, target, "installed")


def _pair_of(path: Path) -> str:
    """The pair of a model's folder: by its name, else by its files' names (model.enpt...). Raises ReframeError."""
    source, dash, target = path.name.partition("-")
    if dash and source.isalpha() and source.islower() and len(source) in (2, 3) and target[:1].isalpha():
        return path.name
    parts = next(iter(sorted(path.glob("model*.bin")))).name.split(".")
    if len(parts) > 2 and len(parts[1]) == 4 and parts[1].isalpha():
        return f"{parts[1][:2]}-{parts[1][2:]}"
    raise ReframeError(f"Which languages is {safe(path.name)} for?", "Name the folder like en-es.")


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def remove(name: str, models_folder: Path) -> list[Model]:
    """Remove the models of a pair (en-es), or of one engine (argos:en-es). Raises ReframeError."""
    engine, colon, pair = name.rpartition(":")
    ours = [item for item in _every(models_folder) if item.origin == "installed"]
    wanted = [item for item in ours if pair in (item.pair, item.path.name) and (not colon or item.engine == engine)]
    if not wanted:
        there = [item.pair for item in ours]
        raise ReframeError(
            f'There is no installed translation model "{safe(name)}"{did_you_mean(pair, there)}.',
            f"There are {listing(there)}." if there else "None is installed.",
        )
    for item in wanted:
        item.path.with_name(item.path.name + argos.SUFFIX).unlink(missing_ok=True)  # else it is unpacked again
        gone = item.path.with_name(f".{item.path.name}.removed")
        shutil.rmtree(gone, ignore_errors=True)
        item.path.rename(gone)  # at once for whoever looks
        shutil.rmtree(gone, ignore_errors=True)
    return wanted


class Wanted(NamedTuple):
    """A file of a model to fetch: where it is, how it is called, what it must be."""

    url: str
    name: str
    size_bytes: int
    sha256: str
    plain_sha256: str


def fetch(name: str, models_folder: Path, report: download.Report = download.quiet) -> list[Model]:
    """Fetch the models for a pair (es-fr; argos:es-fr), every leg of the way. Raises ReframeError."""
    engine, colon, pair = name.rpartition(":")
    source, dash, target = pair.partition("-")
    if not dash or (colon and engine not in (firefox.NAME, argos.NAME)):
        raise ReframeError(f'"{safe(name)}" is no pair of languages.', "For example en-es, or argos:en-es.")
    engine = engine or (firefox.NAME if firefox.is_installed() else argos.NAME)
    if engine == argos.NAME:
        return _fetch_argos(source, target, models_folder, report)
    return _fetch_firefox(source, target, models_folder, report)


def _fetch_firefox(source: str, target: str, models_folder: Path, report: download.Report) -> list[Model]:
    index = os.environ.get(_FIREFOX_VARIABLE) or FIREFOX_INDEX
    records = _records(download.text(index))
    offered = sorted({(item["sourceLanguage"], item["targetLanguage"]) for item in records})
    legs = route(source, target, offered, firefox.HUB)
    if not legs:
        raise _not_offered(source, target, offered, "Firefox")
    base = _attachments(index)
    made = []
    for leg in itertools.pairwise(legs):
        folder = firefox.folder(models_folder) / "-".join(leg)
        if not firefox.is_whole(folder):
            files = [_wanted(item, base) for item in records if (item["sourceLanguage"], item["targetLanguage"]) == leg]
            _get(files, folder, report)
        made.append(_model(firefox.NAME, folder.name, folder, "installed"))
    return made


def _records(body: str) -> list[dict[str, Any]]:
    """The newest released files of every pair in a Remote Settings answer. Raises ReframeError."""
    try:
        found = [
            item
            for item in json.loads(body)["data"]
            if {"sourceLanguage", "targetLanguage", "attachment"} <= item.keys()
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReframeError("The index of Firefox models is not what it was.", "Is there a newer Reframe?") from error
    best: dict[tuple[str, str], tuple[Any, ...]] = {}
    for item in found:
        if _version(item):
            pair = item["sourceLanguage"], item["targetLanguage"]
            best[pair] = max(best.get(pair, ()), _rank(item))
    return [item for item in found if _rank(item) == best.get((item["sourceLanguage"], item["targetLanguage"]))]


def _rank(item: dict[str, Any]) -> tuple[Any, ...]:
    """The newest release, and of its architectures the best; the files of one model have the same."""
    architecture = str(item.get("architecture") or "")
    known = _ARCHITECTURES.index(architecture) if architecture in _ARCHITECTURES else -1
    return _version(item), known, architecture


def _version(item: dict[str, Any]) -> tuple[int, ...]:
    """A release's version as numbers; nothing for tests of the makers (1.0a1)."""
    parts = str(item.get("version", "")).split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def _attachments(index: str) -> str:
    """Where a Remote Settings server keeps its files. Raises ReframeError."""
    root = index.partition("/buckets/")[0] + "/"
    try:
        return str(json.loads(download.text(root))["capabilities"]["attachments"]["base_url"])
    except (ValueError, KeyError, TypeError) as error:
        raise ReframeError(
            "The server of the Firefox models does not say where its files are.", "Try later."
        ) from error


def _wanted(item: dict[str, Any], base: str) -> Wanted:
    about = item["attachment"]
    name = str(item.get("name") or about["filename"])
    return Wanted(
        base.rstrip("/") + "/" + str(about["location"]).lstrip("/"),
        name,
        int(about.get("size", 0)),
        str(about.get("hash", "")),
        str(item.get("decompressedHash") or ""),
    )


def _get(files: Sequence[Wanted], folder: Path, report: download.Report) -> None:
    """Fetch a model's files; its folder appears when all are there."""
    partial = folder.with_name(f".{folder.name}.partial")
    total, before = sum(item.size_bytes for item in files), 0
    for item in files:
        name = Path(item.name).name
        done = before
        download.file(
            item.url,
            partial / f"{name}.fetched",
            item.size_bytes,
            item.sha256,
            lambda here, _, done=done: report(done + here, total),  # type: ignore[misc]
        )
        _unwrap(partial / f"{name}.fetched", partial / name, item.plain_sha256)
        before += item.size_bytes
    for leftover in partial.glob("*.fetched"):
        leftover.unlink()
    if not firefox.is_whole(partial):
        raise ReframeError(
            f"The index lists only a part of the model {folder.name}.", "Try another pair, or argos:PAIR."
        )
    argos.set_aside(folder)
    partial.rename(folder)


def _unwrap(fetched: Path, target: Path, sha256: str) -> None:
    """The plain file of what was fetched: zstd, gzip, or plain already. Raises ReframeError."""
    data = fetched.read_bytes()
    if data[:4] == b"\x28\xb5\x2f\xfd":
        from fxtranslate import discovery

        try:
            data = discovery.verify_and_decompress(data, sha256 or None)
        except ValueError as error:
            fetched.unlink()
            raise ReframeError(
                f"{safe(target.name)} is damaged: {safe(str(error))}.", "Run the same command again."
            ) from error
    elif sha256 and hashlib.sha256(data).hexdigest() != sha256.lower():
        fetched.unlink()
        raise ReframeError(f"{safe(target.name)} is damaged: its checksum differs.", "Run the same command again.")
    target.write_bytes(data)
    _sync(target)


def _fetch_argos(source: str, target: str, models_folder: Path, report: download.Report) -> list[Model]:
    index = os.environ.get(_ARGOS_VARIABLE) or ARGOS_INDEX
    try:
        offered = {
            (item["from_code"], item["to_code"]): item
            for item in json.loads(download.text(index))
            if item.get("type", "translate") == "translate"
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReframeError("The index of Argos packages is not what it was.", "Is there a newer Reframe?") from error
    legs = route(source, target, sorted(offered), "en")
    if not legs:
        raise _not_offered(source, target, sorted(offered), "Argos")
    there = {item.name: item for item in argos.packages(models_folder)}
    made = []
    for leg in itertools.pairwise(legs):
        package = there.get("-".join(leg)) or _get_argos(offered[leg], models_folder, report)
        made.append(_model(argos.NAME, package.name, package.path, package.origin))
    return made


def _get_argos(item: dict[str, Any], models_folder: Path, report: download.Report) -> argos.Package:
    pair = f"{item['from_code']}-{item['to_code']}"
    links = [link for link in item.get("links", []) if str(link).startswith(("http://", "https://"))]
    if not links:
        raise ReframeError(f"The index names no address for {safe(pair)}.", "Install the file yourself.")
    folder = argos.folder(models_folder)
    archive = folder / f".{Path(safe(pair)).name}{argos.SUFFIX}"
    download.file(links[0], archive, int(item.get("size") or 0), str(item.get("sha256") or ""), report)
    try:
        return argos.unpack(
            archive,
            folder / f"translate-{Path(safe(pair)).name}-{Path(safe(str(item.get('package_version', '0')))).name}",
        )
    finally:
        archive.unlink(missing_ok=True)


def _not_offered(source: str, target: str, offered: Sequence[tuple[str, str]], whose: str) -> ReframeError:
    near = sorted({two for one, two in offered if one == source} | {one for one, two in offered if two == target})
    return ReframeError(
        f"{whose} has no model from {safe(source)} to {safe(target)}, nor a way over another language.",
        f"With one of the two go: {listing(near)}." if near else "Neither language is known there.",
    )
