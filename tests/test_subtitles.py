"""Words to cues to files."""

from itertools import pairwise
from pathlib import Path

import pytest

from reframed.speech.words import Word
from reframed.subtitles import files
from reframed.subtitles.cues import Cue, Layout, break_lines, build


def speak(text: str, pace_s: float = 0.3, start_s: float = 0.0) -> list[Word]:
    """Words at an even pace."""
    return [Word(start_s + i * pace_s, start_s + (i + 1) * pace_s, word) for i, word in enumerate(text.split())]


def test_every_word_once_and_within_the_limits() -> None:
    text = "In the beginning there was a very long sentence that went on, and on, without any hint of ever ending. " * 3
    cues = build(speak(text), Layout())
    assert " ".join(cue.text for cue in cues).replace("\n", " ").split() == text.split()
    for cue in cues:
        lines = cue.text.split("\n")
        assert len(lines) <= 2
        assert all(len(line) <= 42 for line in lines)
        assert cue.end - cue.start <= 7.01
    assert all(one.end <= two.start for one, two in pairwise(cues))


def test_sentences_and_pauses_start_new_cues() -> None:
    words = speak("One two.") + speak("Three four", start_s=1.0) + speak("five", start_s=5.0)
    assert [cue.text for cue in build(words, Layout())] == ["One two.", "Three four", "five"]


def test_a_short_cue_stays_long_enough_but_never_over_the_next() -> None:
    cues = build([Word(0, 0.1, "Hi."), Word(3, 3.1, "You."), Word(3.3, 3.4, "There.")], Layout())
    assert cues[0].end == pytest.approx(5 / 6, abs=0.001)
    assert cues[1].end <= 3.3


def test_two_lines_are_balanced_and_break_after_a_comma() -> None:
    assert break_lines("a" * 10, Layout()) == "a" * 10
    broken = break_lines("when the rain had stopped, they went out to look", Layout())
    assert broken.split("\n")[0] == "when the rain had stopped,"
    long = "x" * 60
    assert break_lines(f"a {long} b", Layout()).split("\n") == ["a", long, "b"]


def test_files_round_trip(tmp_path: Path) -> None:
    cues = [Cue(0.5, 2.0, "Über <b>\nзвук & more"), Cue(2.04, 3601.5, "字幕")]
    for format_ in files.FORMATS:
        path = tmp_path / f"x.{format_}"
        files.write(cues, path, format_)
        data = path.read_bytes()
        assert b"\r" not in data
        assert not data.startswith(b"\xef\xbb\xbf")
        read = files.read(path)
        assert [(cue.start, cue.end) for cue in read] == [(0.5, 2.0), (2.04, 3601.5)]
        assert read[1].text == "字幕"
