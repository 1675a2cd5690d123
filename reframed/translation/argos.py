"""Argos packages read natively: an .argosmodel is a zip with a CTranslate2 model and a SentencePiece vocabulary."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from reframed.errors import ReframeError, StepFailed
from reframed.text import safe
from reframed.translation.engine import Setup, no_pair, route

NAME = "argos"
SUFFIX = ".argosmodel"
_LARGEST_BYTES = 4_000_000_000
log = logging.getLogger(__name__)
_WANTED = ("metadata.json", "sentencepiece.model", "model/model.bin")
_BATCH = 32
_CODE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*", re.ASCII)


class Package(NamedTuple):
    """An installed package: its languages, its folder, what it puts before every sentence, and where it comes from."""

    source: str
    target: str
    path: Path
    prefix: str
    version: str
    origin: str

    @property
    def name(self) -> str:
        """Its pair."""
        return f"{self.source}-{self.target}"


def folder(models_folder: Path) -> Path:
    """Where our packages are kept."""
    return models_folder / "translation" / NAME


def library_folder() -> Path:
    """Where argos-translate keeps its packages."""
    if named := os.environ.get("ARGOS_PACKAGES_DIR"):
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "argos-translate" / "packages"


def packages(models_folder: Path) -> list[Package]:
    """Every usable package, ours before those of argos-translate; of a pair the newest. Files put there are unpacked."""
    found: dict[str, Package] = {}
    for package in everything(models_folder):
        best = found.setdefault(package.name, package)
        if best.origin == package.origin and _newness(package) > _newness(best):
            found[package.name] = package
    return list(found.values())


def _newness(package: Package) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", package.version))


def everything(models_folder: Path) -> list[Package]:
    """Every usable package, ours first, several of a pair too."""
    found: list[Package] = []
    _unpack_dropped(folder(models_folder))
    for place, origin in ((folder(models_folder), "installed"), (library_folder(), "argos-translate")):
        try:
            paths = sorted(path for path in place.iterdir() if path.is_dir() and path.name[0] != ".")
        except OSError:
            continue
        for path in paths:
            package = _read(path, origin)
            if package is not None:
                found.append(package)
    return found


def _unpack_dropped(place: Path) -> None:
    for archive in sorted(place.glob(f"[!.]*{SUFFIX}")):
        target = archive.with_suffix("")
        if is_whole(target):
            continue
        try:
            unpack(archive, target)
        except ReframeError as error:
            log.warning("%s %s", error.message, error.hint)


def _read(path: Path, origin: str) -> Package | None:
    if not all((path / name).is_file() for name in _WANTED):
        return None
    try:
        about = json.loads((path / "metadata.json").read_text(encoding="utf-8"))
        source, target = about["from_code"], about["to_code"]
        if not (_CODE.fullmatch(source) and _CODE.fullmatch(target)):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Package(
        source, target, path, str(about.get("target_prefix", "")), str(about.get("package_version", "")), origin
    )


def set_aside(target: Path) -> None:
    """Make room for a model where an incomplete one lies. Raises OSError."""
    if target.exists():
        gone = target.with_name(f".{target.name}.removed")
        shutil.rmtree(gone, ignore_errors=True)
        target.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def is_whole(path: Path) -> bool:
    """Whether a folder is a usable package."""
    return _read(path, "") is not None


def unpack(archive: Path, target: Path) -> Package:
    """Unpack an .argosmodel file into the new folder `target`. Raises ReframeError; then nothing is left behind."""
    name = safe(archive.name)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as file:
            _check(file, name)
            partial.mkdir(parents=True)
            for item in file.infolist():
                _extract(file, item, partial)
        inner = next((path.parent for path in sorted(partial.glob("*/metadata.json"))), partial)
        package = _read(inner, "installed")
        if package is None:
            raise ReframeError(
                f"{name} is no Argos package: it lacks what one needs.", f"It needs {', '.join(_WANTED)}."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        set_aside(target)
        inner.rename(target)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ReframeError(f"{name} is damaged or cut short: {safe(str(error))}.", "Get it again.") from error
    except OSError as error:
        raise ReframeError(f"{name} cannot be unpacked: {error.strerror}.", "Check space and permissions.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return package._replace(path=target)


def _check(file: zipfile.ZipFile, name: str) -> None:
    """Raise ReframeError for an archive that would write elsewhere, or far more than a model."""
    for item in file.infolist():
        parts = Path(item.filename).parts
        if item.filename.startswith(("/", "\\")) or ".." in parts or ":" in item.filename or "\\" in item.filename:
            raise ReframeError(
                f"{name} would write outside its folder ({safe(item.filename)}): it is not unpacked.",
                "It is no package that a maker of models published; delete it.",
            )
        if stat.S_ISLNK(item.external_attr >> 16):
            raise ReframeError(f"{name} holds links, which packages do not: it is not unpacked.", "Delete it.")
    if sum(item.file_size for item in file.infolist()) > _LARGEST_BYTES:
        raise ReframeError(f"{name} is larger than any translation model.", "Is it the right file?")
    broken = file.testzip()
    if broken:
        raise zipfile.BadZipFile(f"{broken} does not match its checksum")


def _extract(file: zipfile.ZipFile, item: zipfile.ZipInfo, target: Path) -> None:
    path = target / item.filename
    if item.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with file.open(item) as source, path.open("wb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
        copy.flush()
        os.fsync(copy.fileno())


class Argos:
    """One way between two languages over the installed packages, the shortest there is."""

    name = NAME

    def __init__(self, source: str, target: str, setup: Setup) -> None:
        """Raises StepFailed(no_model) if there is no way."""
        there = packages(setup.models_folder)
        by_pair = {(package.source, package.target): package for package in there}
        self.route = route(source, target, list(by_pair), "en")
        if not self.route:
            raise no_pair(source, target, [package.name for package in there], NAME)
        self._legs = [by_pair[leg] for leg in zip(self.route, self.route[1:], strict=False)]
        self._setup = setup

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """All sentences at once, batched by length, over every leg. Raises StepFailed."""
        texts = list(sentences)
        for leg in self._legs:
            texts = _translate(leg, texts, self._setup)
        return texts


def _translate(leg: Package, texts: list[str], setup: Setup) -> list[str]:
    try:
        model, vocabulary = _load(leg.path, setup.device, setup.threads)
        tokens = vocabulary.encode(texts, out_type=str)
        prefix = [[leg.prefix]] * len(texts) if leg.prefix else None
        found = model.translate_batch(
            tokens,
            target_prefix=prefix,
            replace_unknowns=True,
            max_batch_size=_BATCH,
            beam_size=4,
            num_hypotheses=1,
            length_penalty=0.2,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise StepFailed(
            "translation_failed",
            f"The Argos package {leg.name} failed: {safe(str(error))}.",
            f"It may be damaged: `reframe models remove {leg.name}`, then install it again.",
        ) from error
    return [_joined(vocabulary, result.hypotheses[0], leg.prefix) for result in found]


def _joined(vocabulary: Any, pieces: list[str], prefix: str) -> str:
    if prefix and pieces[:1] == [prefix]:
        pieces = pieces[1:]
    return str(vocabulary.decode_pieces(pieces)).replace("\u2581", " ").strip()


@lru_cache(maxsize=4)
def _load(path: Path, device: str, threads: int) -> tuple[Any, Any]:
    import ctranslate2
    import sentencepiece

    model = ctranslate2.Translator(str(path / "model"), device=device, inter_threads=1, intra_threads=threads)
    return model, sentencepiece.SentencePieceProcessor(model_file=str(path / "sentencepiece.model"))
