"""Any OpenAI-compatible server (Ollama, llama.cpp, Groq, OpenAI) as a translator, distrusted: lines are counted."""

from __future__ import annotations

import http.client
import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reframed.errors import ReframeError, StepFailed
from reframed.text import safe
from reframed.translation.engine import Endpoint

NAME = "llm"
FAILED = "llm_failed"
_GROUP = 20
_AROUND = 4
_ATTEMPTS = 4
_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_BREAKER_FAILURES = 3
_BREAKER_S = 300.0
_LARGEST_BYTES = 4_000_000
_NUMBERED = re.compile(r"^\s*(\d+)\s*[.):\]|-]\s*(.*?)\s*$")
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_broken: dict[str, tuple[int, float]] = {}  # server: failures in a row, and when it may be asked again


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key is for one server: it is not carried to another."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def read_key(endpoint: Endpoint) -> str:
    """The key from its file or variable; empty if none is configured. Raises ReframeError."""
    if endpoint.key_file:
        path = Path(endpoint.key_file).expanduser()
        try:
            key = path.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise ReframeError(
                f"The key file {safe(str(path))} cannot be read.", "Put the key in it, readable by the daemon's user."
            ) from error
        if not key or not key.isascii() or any(char.isspace() for char in key):
            raise ReframeError(f"The key file {safe(str(path))} holds no key.", "One line with the key alone.")
        return key
    if endpoint.key_variable:
        key = os.environ.get(endpoint.key_variable, "").strip()
        if not key or not key.isascii():
            raise ReframeError(
                f"The variable {safe(endpoint.key_variable)} with the key is not set, or holds something else.",
                "Set it in the service's environment, or use `key_file`.",
            )
        return key
    return ""


class Llm:
    """One way between two languages through a server."""

    name = NAME

    def __init__(
        self, source: str, target: str, endpoint: Endpoint, names: Sequence[str], log: Callable[[str], None]
    ) -> None:
        """Raises StepFailed if the key is missing."""
        self.route: tuple[str, ...] = (source, target)
        self._endpoint = endpoint
        self._names = names
        self._log = log
        try:
            self._key = read_key(endpoint)
        except ReframeError as error:
            raise StepFailed("llm_key", error.message, error.hint) from error
        self._opener = urllib.request.build_opener(_NoRedirect())

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """Groups of sentences, each with what stands around it. Raises StepFailed(llm_failed)."""
        done: list[str] = []
        for start in range(0, len(sentences), _GROUP):
            group = sentences[start : start + _GROUP]
            before = sentences[max(0, start - _AROUND) : start]
            after = sentences[start + _GROUP : start + _GROUP + _AROUND]
            done += self._group(group, before, after)
        return done

    def _group(self, group: Sequence[str], before: Sequence[str], after: Sequence[str]) -> list[str]:
        """A group; where the server cannot count, its halves. Raises StepFailed."""
        for strict in (False, True):
            found = parse(self._ask(self._messages(group, before, after, strict=strict)), len(group))
            if found is not None and (len(set(found)) > 1 or len(set(group)) == 1):  # else it says no to all
                return found
        if len(group) == 1:
            raise StepFailed(
                FAILED, "The language model gave no usable translation.", "Try another model, or an offline engine."
            )
        self._log(f"the model did not answer {len(group)} lines with {len(group)}: asking for fewer")
        half = len(group) // 2
        one = self._group(group[:half], before, group[half : half + _AROUND])
        return one + self._group(group[half:], group[max(0, half - _AROUND) : half], after)

    def _messages(
        self, group: Sequence[str], before: Sequence[str], after: Sequence[str], *, strict: bool
    ) -> list[dict[str, str]]:
        source, target = self.route[0], self.route[-1]
        rules = [
            f"You translate film subtitles from {source} into {target}.",
            f"Answer with exactly {len(group)} numbered lines, one for each numbered line you get, and nothing else.",
            "Keep numbers, names and tokens like XQ0 as they are. Be as short as spoken language is.",
        ]
        if self._names:
            rules.append("Never translate these names: " + ", ".join(self._names) + ".")
        if strict:
            rules.append("Your last answer had another number of lines. Do not join, split, explain or format lines.")
        parts = []
        if before:
            parts.append("Said before, for context only:\n" + "\n".join(before))
        if after:
            parts.append("Said afterwards, for context only:\n" + "\n".join(after))
        parts.append("Translate:\n" + "\n".join(f"{number}. {text}" for number, text in enumerate(group, 1)))
        return [{"role": "system", "content": " ".join(rules)}, {"role": "user", "content": "\n\n".join(parts)}]

    def _ask(self, messages: list[dict[str, str]]) -> str:
        """The server's answer, tried again where that may help. Raises StepFailed."""
        url = self._endpoint.url
        failures, closed_until = _broken.get(url, (0, 0.0))
        if failures >= _BREAKER_FAILURES and time.monotonic() < closed_until:
            raise self._failed("it failed so often that it is left alone for some minutes")
        pause = _PAUSE_S
        trouble = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._log(f"the language model: {trouble}; again in {pause:.0f} s")
                time.sleep(pause)
                pause = min(_LONGEST_PAUSE_S, pause * 2)
            try:
                answer = self._post(messages)
            except urllib.error.HTTPError as error:
                trouble = f"it answered {error.code} {error.reason}"
                if error.code not in _PASSING:
                    break
                wait = error.headers.get("Retry-After", "")
                pause = min(_LONGEST_PAUSE_S, float(wait)) if wait.isdigit() else pause
            except (OSError, http.client.HTTPException, TimeoutError) as error:
                trouble = f"it cannot be reached ({safe(str(getattr(error, 'reason', None) or error))})"
            except (ValueError, KeyError, TypeError, IndexError, RecursionError):
                trouble = "it did not answer as such servers do"
            else:
                _broken.pop(url, None)
                return answer
        _broken[url] = failures + 1, time.monotonic() + _BREAKER_S
        raise self._failed(trouble)

    def _post(self, messages: list[dict[str, str]]) -> str:
        body = {"model": self._endpoint.model, "messages": messages, "temperature": 0, "stream": False}
        headers = {"Content-Type": "application/json", "User-Agent": "reframe"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        url = self._endpoint.url.rstrip("/") + "/chat/completions"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - checked to be http(s)
        with self._opener.open(request, timeout=self._endpoint.timeout_s) as answer:
            data = json.loads(self._whole(answer))
        choice = data["choices"][0]
        if choice.get("finish_reason") == "length":
            return ""  # cut off: fewer lines are asked for
        return _text_of(choice["message"]["content"])

    def _whole(self, answer: Any) -> bytes:
        """The body, all of it within the time for one answer: a server that drips is a server that hangs."""
        deadline = time.monotonic() + self._endpoint.timeout_s
        data = b""
        while piece := answer.read1(65_536):
            data += piece
            if time.monotonic() > deadline:
                raise TimeoutError("it took too long")
            if len(data) > _LARGEST_BYTES:
                raise ValueError("too much")
        return data

    def _failed(self, why: str) -> StepFailed:
        address = urllib.parse.urlsplit(self._endpoint.url)
        where = safe(f"{address.hostname}:{address.port}" if address.port else str(address.hostname))
        return StepFailed(
            FAILED,
            f"The language model at {where} failed: {why}.",
            "Check `llm:` in reframe.yaml and that the server runs; `engine: auto` needs none.",
        )


def _text_of(content: object) -> str:
    """The text of a message: some servers send it in parts. Raises ValueError."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return "".join(str(part.get("text") or "") for part in content)
    raise ValueError("no text")


def parse(answer: str, count: int) -> list[str] | None:
    """The `count` numbered lines of an answer, whatever stands around them; None if they are not all there once."""
    answer = re.sub(r"^.*</think>", "", answer, flags=re.DOTALL)
    found: dict[int, str] = {}
    for line in answer.splitlines():
        match = _NUMBERED.match(line.strip().strip("*_`"))
        if match:
            number, text = int(match[1]), "".join(char for char in match[2].strip().strip("*`") if char.isprintable())
            if number in found:
                return None
            found[number] = text
    if sorted(found) != list(range(1, count + 1)) or not all(found.values()):
        return None
    return [found[number] for number in range(1, count + 1)]
