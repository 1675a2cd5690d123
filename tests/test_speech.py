"""Words, windows and models."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from reframed.errors import ReframeError
from reframed.speech import models
from reframed.speech.machine import Machine
from reframed.speech.words import Word, join, normalise, whole

HOME_SERVER = Machine(cores=4, memory_bytes=8_000_000_000, gpu_bytes=0)


def test_words_are_sorted_inside_and_without_overlap() -> None:
    found = normalise(
        [Word(5, 6, " b "), Word(1, 5.5, "a"), Word(9.5, 12, "c"), Word(11, 12, "x"), Word(2, 3, "  ")], 10.0
    )
    assert [(word.start, word.end, word.text) for word in found] == [(1, 5, "a"), (5, 6, "b"), (9.5, 10, "c")]


def test_parts_of_words_are_joined_and_scripts_without_spaces_have_none() -> None:
    parts = [Word(0, 1, " ill"), Word(1, 2, "-disposed", 0.5), Word(2, 3, " man")]
    assert [(word.end, word.text, word.probability) for word in whole(parts)] == [
        (2, "ill-disposed", 0.5),
        (3, "man", 1),
    ]
    assert [word.text for word in whole([Word(0, 1, "今日"), Word(1, 2, "は、")])] == ["今日", "は、"]
    assert join(["今日", "は", "iPhone", "を", "two", "words"]) == "今日はiPhoneをtwo words"


class _Hub(http.server.BaseHTTPRequestHandler):
    """Enough of the Hugging Face hub to fetch one model."""

    files: ClassVar[dict[str, bytes]] = {}

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        name = self.path.rpartition("/")[2].split("?")[0]
        if "/tree/" in self.path:
            oid = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
            content = json.dumps(
                [
                    {"type": "file", "path": name, "size": len(data), "oid": oid[name]}
                    for name, data in self.files.items()
                ]
            ).encode()
        elif "/api/models/" in self.path:
            content = json.dumps(
                {"id": "x", "sha": "a" * 40, "siblings": [{"rfilename": file} for file in self.files]}
            ).encode()
        elif name in self.files:
            content = self.files[name]
        else:
            self.send_error(404)
            return
        start = 0
        if span := self.headers.get("Range"):
            start = int(span.removeprefix("bytes=").split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if body:
            self.wfile.write(content[start:])


@pytest.fixture
def hub() -> Iterator[str]:
    source = models.installed(Path("/nonexistent"))[0].path
    _Hub.files = {path.name: path.read_bytes() for path in source.iterdir() if path.is_file()}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(endpoint: str, folder: Path, name: str = "tiny.en") -> subprocess.CompletedProcess[str]:
    """Fetch in a process of its own: the hub client reads its address when it is imported."""
    code = "import sys; from pathlib import Path; from reframed.speech import models; "
    code += "print(models.fetch(sys.argv[1], Path(sys.argv[2]), lambda done, total: print(done, total)).path)"
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-c", code, name, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)


@pytest.mark.slow
def test_a_model_is_fetched_whole(hub: str, tmp_path: Path) -> None:
    done = fetch(hub, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    folder = tmp_path / "whisper" / "tiny.en"
    assert models.missing_files(folder) == []
    assert (folder / "model.bin").read_bytes() == _Hub.files["model.bin"]
    assert os.listdir(tmp_path / "whisper") == ["tiny.en"]
    found = models.resolve("tiny.en", tmp_path, HOME_SERVER)
    assert found is not None
    assert found.origin == "fetched"


@pytest.mark.slow
def test_a_hub_that_cannot_be_reached_is_said_and_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    done = fetch("http://127.0.0.1:9", tmp_path)
    assert "could not be fetched" in done.stderr
    assert not (tmp_path / "whisper" / "tiny.en").exists()


def test_models_by_name_and_by_folder(tmp_path: Path) -> None:
    tiny = models.resolve("auto", tmp_path, HOME_SERVER)
    assert tiny is not None
    assert (tiny.name, tiny.english_only) == ("tiny.en", True)
    assert models.resolve("large-v3", tmp_path, HOME_SERVER) is None
    with pytest.raises(ReframeError, match="did you mean"):
        models.resolve("smal", tmp_path, HOME_SERVER)
    with pytest.raises(ReframeError, match="lacks"):
        models.resolve(f"{tmp_path}/", tmp_path, HOME_SERVER)
    (tmp_path / "whisper" / "small").mkdir(parents=True)
    (tmp_path / "whisper" / "small" / "model.bin").write_bytes(b"half of it")
    assert models.resolve("small", tmp_path, HOME_SERVER) is None
    with pytest.raises(ReframeError, match="no Whisper model"):
        models.fetch("bogus", tmp_path)
