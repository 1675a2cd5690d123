"""Finished steps, kept by what decides them."""

import threading
from pathlib import Path

from reframed.cache import Cache, step_key
from reframed.filesystem import hash_file
from reframed.protocol import Artifact, Settings
from reframed.steps import step_class

SETTINGS = Settings(models_folder="/nonexistent")
KEY = "ab" * 16


def make(folder: Path, text: str) -> list[Artifact]:
    """A folder with one finished file."""
    folder.mkdir(parents=True)
    path = folder / "t.json"
    path.write_text(text)
    return [Artifact(kind="transcript", file="t.json", sha256=hash_file(str(path)), size_bytes=len(text))]


def test_two_slots_that_finish_the_same_at_once_end_with_one_result(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    results: list[list[Artifact]] = []
    barrier = threading.Barrier(8)

    def finish(number: int) -> None:
        folder = tmp_path / f"work{number}"
        made = make(folder, f"heard {number}")
        barrier.wait()
        results.append(cache.put(KEY, "transcribe", folder, made))

    threads = [threading.Thread(target=finish, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(result == results[0] for result in results)
    assert cache.get(KEY) == results[0]
    assert hash_file(str(cache.place(KEY) / "t.json")) == results[0][0].sha256


def test_an_entry_without_its_manifest_or_its_size_does_not_count(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    cache.put(KEY, "transcribe", tmp_path / "w", make(tmp_path / "w", "heard"))
    (cache.place(KEY) / "t.json").write_text("hea")
    assert cache.get(KEY) is None
    cache.put(KEY, "transcribe", tmp_path / "v", make(tmp_path / "v", "heard"))
    assert cache.get(KEY) is not None
    (cache.place(KEY) / "manifest.json").unlink()
    assert cache.get(KEY) is None


def test_the_longest_unused_goes_first_and_never_what_is_in_use(tmp_path: Path) -> None:
    import os

    cache = Cache(tmp_path / "cache")
    for age, letter in enumerate("abc"):
        key = letter * 32
        cache.put(key, "transcribe", tmp_path / letter, make(tmp_path / letter, "x" * 1000))
        os.utime(cache.place(key), (1000 - age, 1000 - age))
    assert cache.shrink(2500, keep=["c" * 32]) > 0
    assert [cache.get(letter * 32) is not None for letter in "abc"] == [True, False, True]


def test_the_key_follows_options_inputs_and_model() -> None:
    kind = step_class("transcribe")
    plain = kind()
    keys = {
        step_key("transcribe", plain, SETTINGS, ["file"]),
        step_key("transcribe", plain, SETTINGS, ["other file"]),
        step_key("transcribe", kind(language="en"), SETTINGS, ["file"]),
        step_key("transcribe", plain, Settings(models_folder="/nonexistent", whisper="small"), ["file"]),
    }
    assert len(keys) == 4
    assert step_key("transcribe", kind(), SETTINGS, ["file"]) in keys
