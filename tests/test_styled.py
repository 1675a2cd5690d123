"""Styles, cards, the media layer, and a render looked at pixel by pixel."""

import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reframed.errors import ConfigError, ReframeError, StepFailed
from reframed.media import encoders, ffmpeg, render
from reframed.media.info import MediaInfo, VideoTrack
from reframed.media.probe import probe
from reframed.protocol import Artifact, Input, Settings
from reframed.speech import words
from reframed.speech.words import Transcript, Word
from reframed.steps.base import Work
from reframed.steps.styled import Styled, find_font, load_style, style_files
from reframed.subtitles import cards, fonts, karaoke, safe
from reframed.subtitles.cards import Area
from reframed.subtitles.styles import Style
from tests.conftest import JFK, Home
from tests.conftest import ffmpeg as make

STYLES = sorted(style_files(None))
AREA = Area(60, 100, 1020, 1500)
TEXT = "And so, my fellow Americans, ask not what your country can do for you. Ask what you can do for your country!"


def spoken(text: str, pace_s: float = 0.35) -> list[Word]:
    return [Word(1 + i * pace_s, 1 + (i + 0.9) * pace_s, part) for i, part in enumerate(text.split())]


def laid_out(
    some: list[Word], style: Style, language: str = "en", area: Area = AREA, size: float = 90
) -> list[cards.Card]:
    font = find_font(style.typeface, None)
    return cards.lay_out(some, style, language, area, size, 1.08, lambda text, at: fonts.width(font, text, at))


def test_the_styles_that_ship_are_whole() -> None:
    assert {"tiktok", "yellow", "clean", "karaoke", "box", "neon", "podcast", "lower-third"} <= set(STYLES)
    for name in STYLES:
        style = load_style(name, None)
        assert style.about
        assert find_font(style.typeface, None).path.parent == fonts.shipped_folder()


def test_every_key_of_a_style_is_documented() -> None:
    text = (Path(__file__).parent.parent / "docs" / "styles.md").read_text()
    assert [key for key in Style.__struct_fields__ if f"`{key}`" not in text] == []


def test_a_style_of_ones_own_overrides_and_faults_are_named(tmp_path: Path) -> None:
    (tmp_path / "tiktok.yaml").write_text("size: 0.2\n")
    assert load_style("tiktok", tmp_path).size == 0.2
    (tmp_path / "mine.yaml").write_text("colour: red\nhighlight: yellow\nanimation: pip\n")
    with pytest.raises(ConfigError) as faults:
        load_style("mine", tmp_path)
    assert len(faults.value.faults) == 3
    with pytest.raises(ReframeError, match="did you mean"):
        load_style("tiktik", tmp_path)
    with pytest.raises(ReframeError, match="There is no font"):
        find_font("Comic Sans of Nowhere", None)


@pytest.mark.parametrize("name", STYLES)
def test_cards_hold_every_word_once_inside_the_area(name: str) -> None:
    style, some = load_style(name, None), spoken(TEXT)
    made = laid_out(some, style)
    placed = [word for card in made for word in card.words]
    assert [word.text for word in placed] == [cards.shown(word.text, style) for word in some]
    for card in made:
        assert len(card.words) <= style.words
        assert len({word.y for word in card.words}) <= style.lines
        for word in card.words:
            assert AREA.left - 1 <= word.x - word.width / 2 <= word.x + word.width / 2 <= AREA.right + 1
    assert all(one.end <= two.start + 1e-9 for one, two in pairwise(made))


def test_a_word_wider_than_the_frame_is_set_smaller() -> None:
    made = laid_out([Word(0, 1, "Donaudampfschifffahrtsgesellschaftskapitän")], load_style("tiktok", None), "de")
    assert made[0].size < 90
    assert made[0].words[0].width <= AREA.width


def test_arabic_runs_from_right_to_left() -> None:
    style = load_style("clean", None)
    made = cards.lay_out(spoken("مرحبا بكم جميعا"), style, "ar", AREA, 60, 1.1, lambda text, size: len(text) * size / 2)
    line = [word for word in made[0].words if word.y == made[0].words[0].y]
    assert [word.x for word in line] == sorted((word.x for word in line), reverse=True)


@pytest.mark.parametrize("name", STYLES)
def test_one_word_at_a_time_is_highlighted_within_its_time_and_nothing_flashes(name: str) -> None:
    style = load_style(name, None)
    made = laid_out(spoken(TEXT), style)
    ass = karaoke.build(made, style, karaoke.Canvas(1080, 1920, "x", 1.08))
    for card in made:
        times = karaoke.spoken_times(card)
        for word, (begin, finish) in zip(card.words, times, strict=True):
            assert word.start - 0.006 <= begin / 100 <= finish / 100 <= word.end + 0.006
        assert all(one[1] <= two[0] for one, two in pairwise(times))
    for text in {word.text for card in made for word in card.words}:
        assert [event for event in ass if event.layer > 1 and event.plaintext == text]
    rest = [event for event in ass if event.layer == 2 and event.plaintext == made[0].words[-1].text]
    assert rest[0].start == round(made[0].start * 100) * 10


@pytest.mark.parametrize(
    ("track", "size", "notes"),
    [
        (VideoTrack(index=0, codec="h264", width=1920, height=1080), (1920, 1080), 0),
        (VideoTrack(index=0, codec="h264", width=1920, height=1080, rotation=90), (1080, 1920), 1),
        (VideoTrack(index=0, codec="h264", width=721, height=575), (720, 574), 1),
        (VideoTrack(index=0, codec="mpeg2video", width=720, height=576, pixel_aspect=64 / 45), (1024, 576), 1),
        (VideoTrack(index=0, codec="h264", width=1, height=400), (16, 400), 1),
        (VideoTrack(index=0, codec="hevc", width=3840, height=2160, is_hdr=True, is_vfr=True), (3840, 2160), 2),
    ],
)
def test_the_plan_says_what_a_picture_needs(track: VideoTrack, size: tuple[int, int], notes: int) -> None:
    made = render.plan(track)
    assert (made.width, made.height) == size
    assert len(made.notes) == notes
    assert ("tonemap" in made.needs) == track.is_hdr


def test_what_ffmpeg_says_is_told_to_a_person(tmp_path: Path) -> None:
    import ffmpeg as graph

    said: list[str] = []
    (tmp_path / "broken.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + b"x" * 500)
    with pytest.raises(StepFailed) as failed:
        ffmpeg.run(graph.input(str(tmp_path / "broken.mp4")).output(str(tmp_path / "x.mp4")), said.append, "cut it")
    assert failed.value.code == "bad_input"
    assert said[0].startswith("$ ")
    black = graph.input("color=black:s=64x64:d=0.2", f="lavfi")
    with pytest.raises(StepFailed) as failed:
        ffmpeg.run(black.output(str(tmp_path / "y.mp4"), vcodec="h264_nonsense"), said.append, "encode it")
    assert failed.value.code == "no_encoder"
    fractions: list[float] = []
    ffmpeg.run(
        graph.input("testsrc=d=2:s=320x240", f="lavfi").output(str(tmp_path / "z.mp4")),
        said.append,
        "encode it",
        duration_s=2.0,
        progress=fractions.append,
    )
    assert fractions[-1] >= 0.9


def test_an_encoder_that_does_not_work_is_replaced_and_said() -> None:
    chosen, said = encoders.choose("auto", "draft", render.NEEDS)
    assert said == ""
    assert encoders.works(chosen.name, ffmpeg.find(render.NEEDS).path)
    wanted = next(name for name in encoders.NAMES if not encoders.works(name, ffmpeg.find(render.NEEDS).path))
    chosen, said = encoders.choose(wanted, "good", render.NEEDS)
    assert chosen.name == "libx264"
    assert wanted in said


def test_safe_areas_leave_room() -> None:
    upright = safe.area("auto", 1080, 1920)
    assert all(safe.area(name, 1080, 1920).holds(upright) for name in ("tiktok", "reels", "shorts"))
    assert safe.area("auto", 1920, 1080) == safe.area("title", 1920, 1080)
    with pytest.raises(ReframeError, match="did you mean"):
        safe.area("reel", 1080, 1920)


class Watched(Work):
    """The work of a step, and the codes of what it told a person."""

    noted: list[str]


def work_on(source: Path, transcript: Transcript, folder: Path) -> Watched:
    folder.mkdir()
    link = folder / "source.mp4"
    link.symlink_to(source)
    words.write(transcript, folder.parent / "t.json")
    artifact = Artifact(kind="transcript", file="t.json", sha256="x", size_bytes=1)
    work = Watched(
        source=str(link), media=probe(str(source)), inputs=[Input(path=str(folder.parent / "t.json"), artifact=artifact)],
        sidecars=(), folder=folder, kept=folder, settings=Settings(models_folder="/nonexistent"), label="",
        progress=lambda done: None, note=lambda code, text: work.noted.append(code), say=lambda code, text: None,
        log=lambda text: None,
    )  # fmt: skip
    work.noted = []
    return work


def transcript(text: str, language: str = "en") -> Transcript:
    return Transcript(
        language=language, language_probability=1, duration_s=9, model="m", words=tuple(spoken(text, 0.4))
    )


def frame_at(path: Path, seconds: float, width: int, height: int) -> Any:
    command = [ffmpeg.find().path, "-v", "error", "-ss", f"{seconds}", "-i", str(path), "-frames:v", "1", "-f", "rawvideo",
               "-pix_fmt", "rgb24", "-"]  # fmt: skip
    data = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(data, np.uint8).reshape(height, width, 3).astype(int)


def yellow(frame: Any) -> int:
    """How many pixels have the highlight colour of the style `yellow`."""
    red, green, blue = frame[..., 0], frame[..., 1], frame[..., 2]
    return int(((red > 200) & (green > 150) & (blue < 90)).sum())


@pytest.mark.slow
def test_the_spoken_word_is_coloured_while_it_is_spoken_and_not_before(tmp_path: Path) -> None:
    make("-f", "lavfi", "-i", "color=0x204060:s=540x960:r=50:d=5", tmp_path / "it's a: film.mp4")
    work = work_on(tmp_path / "it's a: film.mp4", transcript("one two three"), tmp_path / "it's: work")
    Styled(style="yellow", quality="draft").run(work)
    video = next(item for item in work.artifacts if item.kind == "video")
    assert video.suffix == ".en.yellow.mp4"
    made = work.folder / video.file
    assert (probe(str(made)).video[0].width, probe(str(made)).video[0].height) == (540, 960)
    for word in spoken("one two three", 0.4):
        assert yellow(frame_at(made, (word.start + word.end) / 2, 540, 960)) > 200
    assert yellow(frame_at(made, 0.9, 540, 960)) == 0
    first, third = (frame_at(made, at, 540, 960) for at in (1.18, 1.98))
    columns = [np.flatnonzero(((f[..., 0] > 200) & (f[..., 2] < 90)).any(axis=0)).mean() for f in (first, third)]
    assert columns[0] < columns[1]
    proof = (work.folder / "proof.json").read_text()
    assert '"holds": true' in proof


@pytest.mark.slow
@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("size", ["540x960", "960x540"])
def test_every_style_stays_in_the_safe_area(name: str, size: str, tmp_path: Path) -> None:
    make("-f", "lavfi", "-i", f"color=gray:s={size}:r=10:d=9", tmp_path / "film.mp4")
    work = work_on(tmp_path / "film.mp4", transcript(TEXT), tmp_path / "w")
    Styled(style=name, quality="draft", preview_seconds=0.5).run(work)
    assert '"holds": true' in (work.folder / "proof.json").read_text()


@pytest.mark.slow
def test_odd_turned_and_wordless_pictures(tmp_path: Path) -> None:
    make("-f", "lavfi", "-i", "testsrc2=s=321x241:r=25:d=2", "-pix_fmt", "yuv444p", tmp_path / "odd.mp4")
    work = work_on(tmp_path / "odd.mp4", transcript("so it is"), tmp_path / "a")
    Styled(quality="draft").run(work)
    assert probe(str(work.folder / "rendered.mp4")).video[0].shown == (320, 240)
    make("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=2", tmp_path / "wide.mp4")
    make("-display_rotation", "90", "-i", tmp_path / "wide.mp4", "-c", "copy", tmp_path / "turned.mp4")
    work = work_on(tmp_path / "turned.mp4", transcript(""), tmp_path / "b")
    Styled(quality="draft").run(work)
    found = probe(str(work.folder / "rendered.mp4")).video[0]
    assert (found.width, found.height, found.rotation) == (180, 320, 0)


def test_sound_alone_cannot_be_styled(tmp_path: Path) -> None:
    shutil.copy(JFK, tmp_path / "x.wav")
    work = work_on(tmp_path / "x.wav", transcript("one"), tmp_path / "w")
    assert isinstance(work.media, MediaInfo)
    with pytest.raises(StepFailed, match="no picture"):
        Styled().run(work)


@pytest.mark.slow
def test_a_styled_video_through_the_daemon(home: Home) -> None:
    sample = Path(__file__).parent.parent / "reframed" / "sample" / "ask-not.mp4"
    home.configure(inbox={"recipe": "styled"})
    home.start()
    shutil.copy(sample, home.inbox / "it's: 1961.mp4")
    job = home.ended()[0]
    assert job["state"] == "done", job
    assert home.outputs() == ["it's: 1961.en.tiktok.mp4", "it's: 1961.en.tiktok.proof.json"]
    made, source = probe(str(home.outbox / home.outputs()[0])), probe(str(sample))
    assert made.audio[0].codec == source.audio[0].codec
    assert made.duration_s == pytest.approx(source.duration_s, abs=0.2)


@pytest.mark.slow
def test_styles_are_listed_and_drawn_into_one_picture(home: Home) -> None:
    (home.folder / "recipes" / "styles").mkdir(parents=True)
    (home.folder / "recipes" / "styles" / "mine.yaml").write_text('about: My own.\nsize: 0.2\nhighlight: "#00FF00"\n')
    home.configure(recipes="recipes")
    assert "My own." in home.run("style").stdout
    target = home.folder / "sheet.png"
    home.run("style", "preview", "mine", "tiktok", "-o", str(target))
    assert target.read_bytes().startswith(b"\x89PNG")
    drawn = frame_at(target, 0, 872, 772)
    left, right = drawn[:, :436], drawn[:, 436:]
    assert ((left[..., 1] > 200) & (left[..., 0] < 90)).sum() > 100  # the spoken word, in the own style's green
    assert yellow(right) > 100
    again = home.run("style", "preview", "mine", "-o", str(target), check=False)
    assert "is there already" in again.stderr
    assert "did you mean" in home.run("style", "preview", "tiktik", "-o", "x.png", check=False).stderr
