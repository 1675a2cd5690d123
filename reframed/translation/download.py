"""Fetching a file over HTTP: resumable, checked, and under its name only when it is whole."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reframed.errors import ReframeError
from reframed.text import safe

_PIECE = 1 << 18
_TIMEOUT_S = 30.0
_ATTEMPTS = 4
_LARGEST_TEXT = 64_000_000

Report = Callable[[int, int], None]
"""Hears the bytes there and the bytes in all (0: unknown)."""


def quiet(done: int, total: int) -> None:
    """Hears nothing."""


def text(url: str) -> str:
    """The text at `url`. Raises ReframeError."""
    try:
        with _open(url, 0) as answer:
            return str(answer.read(_LARGEST_TEXT).decode("utf-8"))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _unreachable(url, error) from error


def file(url: str, target: Path, size_bytes: int = 0, sha256: str = "", report: Report = quiet) -> None:
    """Fetch `url` to `target`, which appears only when it is whole; what a broken-off fetch left is gone on with.

    Raises ReframeError, also where size or checksum are not as told.
    """
    if _is_right(target, size_bytes, sha256):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    last: Exception | None = None
    for _ in range(_ATTEMPTS):
        try:
            _go_on(url, partial, size_bytes, report)
            break
        except urllib.error.HTTPError as error:
            last = error
            if error.code == 416:  # what is there is more than there is
                partial.unlink(missing_ok=True)
            elif error.code < 500:
                raise _unreachable(url, error) from error
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in (28, 13, 30):  # no space, no permission, read-only
                raise ReframeError(
                    f"{safe(str(target))} cannot be written: {error.strerror}.", "Check the disk."
                ) from error
            last = error
    else:
        assert last is not None
        raise _unreachable(url, last) from last
    if not _is_right(partial, size_bytes, sha256):
        partial.unlink(missing_ok=True)
        raise ReframeError(
            f"What came from {safe(url)} is not what was announced (size or checksum differ).", "Try again later."
        )
    partial.replace(target)


def _go_on(url: str, partial: Path, size_bytes: int, report: Report) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    if size_bytes and have == size_bytes:
        return
    with _open(url, have) as answer:
        if have and answer.status != http.client.PARTIAL_CONTENT:
            have = 0  # the server begins anew
        total = size_bytes or have + int(answer.headers.get("Content-Length") or 0)
        with partial.open("ab" if have else "wb") as out:
            while piece := answer.read(_PIECE):
                out.write(piece)
                have += len(piece)
                report(have, total)
            out.flush()
            os.fsync(out.fileno())
    if total and have < total:
        raise http.client.IncompleteRead(b"", total - have)


def _open(url: str, have: int) -> Any:
    if not url.startswith(("https://", "http://")):
        raise ReframeError(f"{safe(url)} is no web address.", "It must begin with https://.")
    headers = {"User-Agent": "reframe"} | ({"Range": f"bytes={have}-"} if have else {})
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S)  # noqa: S310


def _is_right(path: Path, size_bytes: int, sha256: str) -> bool:
    if not path.is_file() or (size_bytes and path.stat().st_size != size_bytes):
        return False
    if not sha256:
        return bool(size_bytes) or path.name.endswith(".partial")
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == sha256.lower()


def _unreachable(url: str, error: Exception) -> ReframeError:
    why = getattr(error, "reason", None) or str(error) or type(error).__name__
    code = f"{error.code} " if isinstance(error, urllib.error.HTTPError) else ""
    return ReframeError(
        f"{safe(url)} cannot be fetched: {code}{safe(str(why))}.",
        "Check the network and run the same command again: it goes on where it stopped. Or copy the files yourself and use "
        "`reframe models install`.",
    )
