"""Recipes are checked before anything runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from reframed import recipe
from reframed.errors import ConfigError
from reframed.protocol import Settings

SETTINGS = Settings(models_folder="/nonexistent")


def load(tmp_path: Path, text: str) -> recipe.Recipe:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return recipe.load(path, SETTINGS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps: [transcibe]", ':1:9: unknown step "transcibe" (did you mean "transcribe"?)'),
        ("steps:\n  - transcribe: {vad: maybe}", ':2:23: "vad" must be true or false, not "maybe"'),
        ("steps:\n  - transcribe: {langauge: en}", 'unknown option "langauge" (did you mean "language"?)'),
        ("steps: [captions]", '"captions" needs a transcript, which no earlier step makes: put transcribe before it'),
        ("steps: [captions, transcribe]", "needs a transcript"),
        ("steps: []", "at least one step"),
        ("about: x", '"steps" is missing'),
        ("stepz: []", 'did you mean "steps"'),
        ("steps: [transcribe, captions: {formats: [srt, doc]}]", "must be"),
        ("steps: [transcribe, captions: {formats: []}]", "`formats` is empty"),
        ("steps: [transcribe: {model: smal}]", 'no Whisper model "smal" (did you mean "small"?)'),
        ("steps: [transcribe: {model: /nowhere/model}]", "is not there"),
        ("match: {kinds: [vidoe]}\nsteps: [transcribe]", "vidoe"),
    ],
)
def test_wrong_recipes(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert words in caught.value.message


def test_all_faults_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "stuff: 1\nmatch: {kinds: [x]}\nsteps:\n  - nope\n  - captions: {max_lines: 9}\n")
    assert len(caught.value.faults) == 5


def test_the_revision_changes_with_the_options_alone(tmp_path: Path) -> None:
    one = load(tmp_path, "steps: [transcribe, captions]")
    same = load(
        tmp_path, "# a comment\nabout: other words\nsteps:\n  - transcribe: {}\n  - captions: {profile: netflix}\n"
    )
    other = load(tmp_path, "steps: [transcribe, captions: {max_lines: 1}]")
    assert one.revision == same.revision != other.revision


def test_which_names_a_recipe_takes(tmp_path: Path) -> None:
    found = load(tmp_path, "match: {kinds: [video], extensions: [.MKV, mp4]}\nsteps: [transcribe]")
    assert [found.takes(name) for name in (b"a.mkv", b"a.MP4", b"a.mov", b"a.mp3", b"mkv", b"a.mkv.txt")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


def test_checking_recipes_loads_nothing_heavy() -> None:
    code = (
        "import sys; from reframed.steps import names, step_class; [step_class(name) for name in names()]; "
        "print([name for name in ('numpy', 'faster_whisper', 'pysubs2', 'uharfbuzz', 'av') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
