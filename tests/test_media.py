"""Probing and decoding."""

from pathlib import Path

import pytest

from reframed.errors import StepFailed
from reframed.media import ffmpeg as media
from reframed.media.info import kind_of
from reframed.media.probe import probe
from tests.conftest import JFK, ffmpeg


def test_probing_a_file_with_two_languages(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", "color=s=64x48:r=10:d=2", "-i", JFK, "-itsoffset", "0.5", "-i", JFK, "-t", "2"),
        *("-map", "0", "-map", "1", "-map", "2", "-c:a", "aac", "-metadata:s:a:0", "language=eng"),
        *("-metadata:s:a:1", "language=por", "-disposition:a:1", "default", "-disposition:a:0", "0", path),
    )
    info = probe(str(path))
    assert (info.kind, info.video[0].width, info.video[0].height) == ("video", 64, 48)
    assert [(track.language, track.default) for track in info.audio] == [("eng", False), ("por", True)]
    assert info.audio[1].start_s == pytest.approx(0.5, abs=0.1)
    assert info.duration_s == pytest.approx(2, abs=0.2)


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    art, path = tmp_path / "art.png", tmp_path / "song.mp3"
    ffmpeg("-f", "lavfi", "-i", "color=s=32x32", "-frames:v", "1", art)
    ffmpeg("-i", JFK, "-i", art, "-map", "0", "-map", "1", "-disposition:v", "attached_pic", "-t", "1", path)
    assert probe(str(path)).kind == "audio"


def test_a_file_cut_short_is_told_from_a_whole_one(tmp_path: Path) -> None:
    for flags in ("+faststart", "0"):
        whole, cut = tmp_path / f"{flags}.mp4", tmp_path / f"cut{flags}.mp4"
        ffmpeg("-i", JFK, "-c:a", "aac", "-movflags", flags, whole)
        assert probe(str(whole)).audio
        data = whole.read_bytes()
        for size in (len(data) // 2, len(data) - 1, 40):
            cut.write_bytes(data[:size])
            with pytest.raises(StepFailed) as caught:
                probe(str(cut))
            assert caught.value.code == "truncated"


def test_decoding_fails_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_text("not sound")
    with pytest.raises(StepFailed) as caught:
        list(media.decode_pcm(str(path), 0, 16000, lambda line: None))
    assert caught.value.code == "decode_failed"


def test_an_ffmpeg_without_what_is_needed_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "ffmpeg"
    fake.write_text("#!/bin/sh\necho 'ffmpeg version 1.0'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("REFRAME_FFMPEG", str(fake))
    media.find.cache_clear()
    try:
        assert media.find().path != str(fake)
    finally:
        media.find.cache_clear()


def test_kinds() -> None:
    assert [kind_of(name) for name in (b"a.MKV", "b.mp3", b"c.m3u8", b"\xff.txt", "mp4")] == [
        "video",
        "audio",
        "playlist",
        "other",
        "other",
    ]
