"""Models in one file, as the engines besides faster-whisper want them: ggml for whisper.cpp, .pt for OpenAI's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from reframed.errors import ReframeError
from reframed.speech.models import Model
from reframed.text import safe

# Engine -> folder below the models folder, how a file is called, and where such files come from.
_PLACES = {
    "whisper.cpp": ("whisper.cpp", "ggml-{}.bin", "https://huggingface.co/ggerganov/whisper.cpp"),
    "openai-whisper": ("openai", "{}.pt", "the whisper package, which lists addresses in whisper._MODELS"),
    "whisper-timestamped": ("openai", "{}.pt", "the whisper package, which lists addresses in whisper._MODELS"),
}


def folder(engine: str, models_folder: Path) -> Path:
    """Where the models of `engine` belong."""
    return models_folder / _PLACES[engine][0]


def installed(engine: str, models_folder: Path) -> Iterator[Model]:
    """The models that `engine` can load, by name."""
    pattern = _PLACES[engine][1]
    before, after = pattern.split("{}")
    for path in sorted(folder(engine, models_folder).glob(pattern.format("*"))):
        yield _model(path.name.removeprefix(before).removesuffix(after), path)


def resolve(engine: str, wanted: str, models_folder: Path) -> Model:
    """The model `wanted` (a name, a file, or auto: the largest there is) for `engine`.

    Raises ReframeError, with where to get it, if it is not there.
    """
    _, pattern, source = _PLACES[engine]
    if "/" in wanted and Path(wanted).expanduser().is_file():
        return _model(Path(wanted).stem.removeprefix("ggml-"), Path(wanted).expanduser())
    there = {model.name: model for model in installed(engine, models_folder)}
    if wanted == "auto" and there:
        return max(there.values(), key=lambda model: model.size_bytes)
    if wanted in there:
        return there[wanted]
    name = pattern.format("small" if wanted == "auto" else wanted)
    raise ReframeError(
        f"There is no model {safe(wanted)} for {engine}.",
        f"Put {safe(name)} into {folder(engine, models_folder)}; from {source}.",
    )


def _model(name: str, path: Path) -> Model:
    size_bytes = path.stat().st_size
    digest = hashlib.sha256(str(size_bytes).encode())
    with path.open("rb") as file:
        digest.update(file.read(1 << 20))
        file.seek(max(0, size_bytes - (1 << 16)))
        digest.update(file.read(1 << 16))
    return Model(name, path, "models folder", size_bytes, digest.hexdigest()[:16])
