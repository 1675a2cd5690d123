"""Renders of every kind of picture and script, looked at; and renders that cannot be."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reframed.errors import StepFailed
from reframed.media import encoders, ffmpeg, render
from reframed.media.probe import probe
from reframed.protocol import Settings
from reframed.speech.words import Span, Transcript, Word
from reframed.steps.styled import Styled, find_font, load_style
from reframed.subtitles import cards, fonts, safe
from reframed.subtitles import proof as proofs
from reframed.subtitles.drawing import Drawing
from reframed.subtitles.styles import Style
from tests.conftest import SAMPLE, Home, wait_for
from tests.conftest import ffmpeg as make
from tests.test_styled import Watched, frame_at, laid_out, transcript, work_on, yellow

NOTO = "noto sans devanagari" in fonts.installed() and any("cjk" in name for name in fonts.installed())
SCRIPTS = {
    "hi": "नमस्ते दुनिया यह एक परीक्षण है",
    "ar": "مرحبا بكم جميعا في هذا الاختبار",
    "zh": "你好 世界 这是 测试",
    "he": "שלום לכולם זה מבחן",
    "ja": "こんにちは 世界 これは テスト です",
}


def film(path: Path, *options: str, size: str = "640x360", seconds: float = 3, rate: str = "25") -> Path:
    make("-f", "lavfi", "-i", f"color=0x204060:s={size}:r={rate}:d={seconds}", *options, path)
    return path


def rendered(folder: Path, source: Path, words: Transcript, **options: Any) -> Watched:
    """The work of a step that has run."""
    work = work_on(source, words, folder)
    Styled(**{"style": "yellow", "quality": "draft", "encoder": "libx264"} | options).run(work)
    return work


def said(*words: Word) -> Transcript:
    """A transcript of these words."""
    return Transcript(language="en", language_probability=1, duration_s=words[-1].end, model="m", words=words)


def proof(work: Watched) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((work.folder / "proof.json").read_text())
    return found


@pytest.mark.slow
@pytest.mark.skipif(not NOTO, reason="needs Noto fonts (fonts-noto-core and fonts-noto-cjk)")
@pytest.mark.parametrize("language", SCRIPTS)
@pytest.mark.parametrize("style", ["tiktok", "neon"])
def test_other_scripts_are_drawn_in_a_font_that_has_them(language: str, style: str, tmp_path: Path) -> None:
    words = transcript(SCRIPTS[language], language)
    work = rendered(tmp_path / "w", film(tmp_path / "f.mp4", size="540x960"), words, style=style)
    found = proof(work)
    assert found["holds"], found
    assert found["words"] == len(words.words)
    assert work.noted == []
    pixels = frame_at(work.folder / "rendered.mp4", 1.2, 540, 960)
    assert (pixels.max(axis=2) > 200).sum() > 300  # letters


def test_a_script_that_no_font_has_is_named_before_any_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = {name: font for name, font in fonts.installed().items() if font.path.parent == fonts.shipped_folder()}
    monkeypatch.setattr(fonts, "installed", lambda own=None: shipped)
    with pytest.raises(StepFailed, match="Devanagari") as failed:
        rendered(tmp_path / "w", film(tmp_path / "f.mp4"), transcript(SCRIPTS["hi"], "hi"))
    assert "fonts-noto-core" in failed.value.hint
    assert not (tmp_path / "w" / "rendered.mp4").exists()
    work = rendered(tmp_path / "v", tmp_path / "f.mp4", transcript("good day नमस्ते wow🙂 friends"), ass_only=True)
    assert work.noted == ["no_glyphs"]
    drawn = (work.folder / "captions.ass").read_text()
    assert "FRIENDS" in drawn
    assert "नमस्ते" not in drawn
    assert "Noto Emoji Bold" in drawn
    assert {"WOW", "🙂"} <= {line.rpartition("}")[2] for line in drawn.splitlines()}


def test_the_font_is_found_by_family_and_weight_in_collections_and_by_language() -> None:
    known = fonts.installed()
    assert known["inter semibold"].libass == "Inter SemiBold"
    assert fonts.missing(known["anton"], "नa b\ufe0f\u200d") == {"न"}
    assert fonts.scripts("नम你🙂") == ["Cjk", "Devanagari", "symbols"]
    if NOTO:
        japanese = fonts.fallback("直", "ja", known.values())
        assert japanese is not None
        assert "JP" in japanese.name
        assert japanese.path.suffix == ".ttc"


@pytest.mark.skipif(not NOTO, reason="needs Noto fonts (fonts-noto-core and fonts-noto-cjk)")
def test_letters_marks_and_pictures_of_one_word_are_each_drawn_in_a_font_that_has_them(tmp_path: Path) -> None:
    work = rendered(tmp_path / "w", film(tmp_path / "f.mp4"), transcript("你好🙂 مرحبا🙂 שלום!", "ar"), ass_only=True)
    drawn = (work.folder / "captions.ass").read_text()
    assert {"你好", "🙂", "مرحبا", "שלום!"} <= {line.rpartition("}")[2] for line in drawn.splitlines()}
    assert drawn.count(",-1\n") == 1  # the style leaves the direction to each word
    assert work.noted == []


def test_words_against_the_direction_of_their_line_keep_their_own_order() -> None:
    assert cards._visual("قال Visual Studio جيد".split(), rtl=True) == [3, 1, 2, 0]
    assert cards._visual("he said שלום לכולם today".split(), rtl=False) == [0, 1, 3, 2, 4]
    assert cards._visual("one two".split(), rtl=False) == [0, 1]


def test_words_are_written_as_their_language_does() -> None:
    style = Style(case="upper", punctuation=False)
    assert cards.shown("istanbul.", style, "tr") == "İSTANBUL"
    assert [cards.shown(text, style, "en") for text in (".net,", "why?", "3.5")] == [".NET", "WHY?", "3.5"]


def test_two_speakers_never_share_a_card() -> None:
    spoken = [Word(0, 0.4, "hello", speaker="A"), Word(0.5, 0.9, "there", speaker="B")]
    assert len(laid_out(spoken, Style())) == 2


def test_what_does_not_fit_is_made_to_and_said(tmp_path: Path) -> None:
    source = film(tmp_path / "f.mp4", size="540x960")
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "huge.yaml").write_text("size: 0.4\nlines: 3\nwords: 3\n")
    settings = Settings(models_folder="/nonexistent", recipes_folder=str(tmp_path))
    address = "https://example.com/" + "a-very-long-path/" * 20
    for number, text in enumerate(("extraordinary circumstances everywhere", address)):
        work = work_on(source, transcript(text), tmp_path / f"w{number}")
        work.settings = settings
        Styled(style="huge", ass_only=False, quality="draft", encoder="libx264").run(work)
        assert "small" in work.noted
        assert proof(work)["holds"], proof(work)["summary"]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "suffix", "codec"), [("prores", ".mov", "prores"), ("webm", ".webm", "vp9")])
def test_an_overlay_holds_the_captions_alone_with_straight_alpha(
    kind: str, suffix: str, codec: str, tmp_path: Path
) -> None:
    work = rendered(tmp_path / "w", film(tmp_path / "f.mp4"), transcript("one two"), overlay=kind)
    made = next(item for item in work.artifacts if item.kind == "video")
    assert made.suffix == f".en.yellow.overlay{suffix}"
    path = work.folder / made.file
    found = probe(str(path))
    assert found.video[0].codec == codec
    assert found.duration_s == pytest.approx(3, abs=0.1)
    decoder = ["-c:v", "libvpx-vp9"] if kind == "webm" else []
    command = [ffmpeg.find().path, "-v", "error", *decoder, "-ss", "1.15", "-i", str(path), "-frames:v", "1",
               "-f", "rawvideo", "-pix_fmt", "rgba", "-"]  # fmt: skip
    data = subprocess.run(command, capture_output=True, check=True).stdout
    pixels = np.frombuffer(data, np.uint8).reshape(360, 640, 4).astype(int)
    red, green, blue, alpha = (pixels[..., plane] for plane in range(4))
    assert (alpha == 0).mean() > 0.8
    assert ((alpha > 240) & (red > 230) & (green > 190) & (blue < 60)).sum() > 100
    letters = (alpha > 240) & (red > 240) & (green > 240) & (blue > 240)
    assert letters.sum() > 100  # the word that is not spoken is white, not 235


@pytest.mark.slow
def test_a_preview_on_a_plain_colour_reads_no_video(tmp_path: Path) -> None:
    source = film(tmp_path / "f.mp4", size="1280x720", seconds=20)
    words = transcript("one two three")
    late = said(*(Word(word.start + 12, word.end + 12, word.text) for word in words.words))
    work = work_on(source, late, tmp_path / "w")
    source.unlink()
    Styled(style="yellow", preview="background").run(work)
    made = next(item for item in work.artifacts if item.kind == "video")
    assert made.suffix == ".en.yellow.preview.mp4"
    found = probe(str(work.folder / made.file))
    assert found.video[0].shown == (960, 540)
    assert found.duration_s == pytest.approx(8, abs=0.2)
    assert yellow(frame_at(work.folder / made.file, 0.7, 960, 540)) > 200  # it begins just before the first word


@pytest.mark.slow
def test_a_preview_of_some_seconds_begins_with_the_words(tmp_path: Path) -> None:
    source = film(tmp_path / "f.mp4", "-f", "lavfi", "-i", "sine=d=20", "-shortest", seconds=20)
    words = Transcript(
        language="en",
        language_probability=1,
        duration_s=20,
        model="m",
        words=(Word(15.0, 15.8, "one"), Word(16, 17, "two")),
    )
    make("-i", source, "-f", "lavfi", "-i", "sine=d=20", "-c:v", "copy", "-shortest", tmp_path / "s.mp4")
    work = rendered(tmp_path / "w", tmp_path / "s.mp4", words, preview_seconds=2)
    found = probe(str(work.folder / "rendered.mp4"))
    assert found.duration_s == pytest.approx(2, abs=0.15)
    assert yellow(frame_at(work.folder / "rendered.mp4", 0.9, 640, 360)) > 100
    assert yellow(frame_at(work.folder / "rendered.mp4", 0.3, 640, 360)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
@pytest.mark.parametrize("bare", ["", ",setparams=colorspace=unknown:color_primaries=unknown"])
def test_hdr_is_tone_mapped_and_the_captions_stay_white(transfer: str, bare: str, tmp_path: Path) -> None:
    source = tmp_path / "hdr.mp4"
    make(
        "-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=3", "-vf",
        f"zscale=t={transfer}:m=2020_ncl:p=2020:tin=bt709:min=bt709:pin=bt709:rin=tv,format=yuv420p10le{bare}",
        "-c:v", "libx265",
        "-x265-params", f"log-level=error:transfer={transfer}" + ("" if bare else ":colorprim=bt2020:colormatrix=bt2020nc"),
        source,
    )  # fmt: skip
    assert probe(str(source)).video[0].is_hdr
    work = rendered(tmp_path / "w", source, transcript("one two three"))
    made = probe(str(work.folder / "rendered.mp4")).video[0]
    assert not made.is_hdr
    assert "HDR" in " ".join(next(item for item in work.artifacts if item.kind == "video").about["plan"])
    pixels = frame_at(work.folder / "rendered.mp4", 1.2, 640, 360)
    assert yellow(pixels) > 100
    assert pixels.max() > 230
    assert pixels[20:60].std() > 20  # the picture is there, neither black nor washed out


@pytest.mark.slow
def test_a_varying_frame_rate_is_kept_and_the_captions_are_in_time(tmp_path: Path) -> None:
    source = tmp_path / "phone.mp4"
    make(
        "-f", "lavfi", "-i", "color=0x204060:s=640x360:r=30:d=4", "-vf", "select='lt(t,1.5)+not(mod(n,4))'",
        "-fps_mode", "vfr", source,
    )  # fmt: skip
    assert probe(str(source)).video[0].is_vfr
    work = rendered(tmp_path / "w", source, transcript("one two three four"))
    made = work.folder / "rendered.mp4"
    assert times(made) == pytest.approx(times(source), abs=0.002)
    for word in transcript("one two three four").words:
        assert yellow(frame_at(made, (word.start + word.end) / 2 - 0.01, 640, 360)) > 100


def times(path: Path) -> list[float]:
    """When each frame is shown, in seconds."""
    import av

    with av.open(str(path)) as container:
        return sorted(float(frame.time) for frame in container.decode(video=0) if frame.time is not None)


@pytest.mark.slow
def test_interlaced_and_oblong_pixels(tmp_path: Path) -> None:
    source = tmp_path / "dv.avi"
    make(
        "-f", "lavfi", "-i", "testsrc2=s=720x576:r=50:d=2", "-vf", "interlace,setsar=64/45", "-c:v", "mpeg2video", "-flags",
        "+ildct+ilme", "-b:v", "4M", source,
    )  # fmt: skip
    assert probe(str(source)).video[0].is_interlaced
    work = rendered(tmp_path / "w", source, transcript("one two"))
    plan = next(item for item in work.artifacts if item.kind == "video").about["plan"]
    assert "deinterlaced" in plan
    made = probe(str(work.folder / "rendered.mp4")).video[0]
    assert (made.shown, made.is_interlaced, made.pixel_aspect) == ((1024, 576), False, 1.0)


@pytest.mark.slow
def test_small_and_strange_pictures(tmp_path: Path) -> None:
    make("-f", "lavfi", "-i", "color=gray:s=1x400:r=25:d=2", "-c:v", "png", tmp_path / "thin.mkv")
    work = rendered(tmp_path / "a", tmp_path / "thin.mkv", transcript("so it is"))
    assert probe(str(work.folder / "rendered.mp4")).video[0].shown == (16, 400)
    wide = transcript("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", "de")
    work = rendered(tmp_path / "b", film(tmp_path / "c.mp4", size="360x640"), wide)
    assert proof(work)["holds"], proof(work)["summary"]


@pytest.mark.slow
def test_two_tracks_of_sound_are_kept_each_in_its_way(tmp_path: Path) -> None:
    make(
        "-f", "lavfi", "-i", "color=gray:s=320x180:r=25:d=2", "-f", "lavfi", "-i", "sine=d=2", "-f", "lavfi", "-i",
        "sine=f=880:d=2:r=8000", "-map", "0", "-map", "1", "-map", "2", "-c:a:0", "aac", "-c:a:1", "pcm_mulaw",
        "-ac:a:1", "1", "-metadata:s:a:1", "language=deu", tmp_path / "two.mkv",
    )  # fmt: skip
    source = probe(str(tmp_path / "two.mkv"))
    assert [track.codec for track in source.audio] == ["aac", "pcm_mulaw"]
    work = rendered(tmp_path / "w", tmp_path / "two.mkv", transcript("one"))
    made = probe(str(work.folder / "rendered.mp4"))
    assert [track.codec for track in made.audio] == ["aac", "aac"]
    assert (made.audio[1].language, made.audio[1].channels) == ("deu", 1)
    assert sound(tmp_path / "two.mkv", 0) == sound(work.folder / "rendered.mp4", 0)  # copied to the bit


def sound(path: Path, track: int) -> str:
    command = [
        ffmpeg.find().path,
        "-v",
        "error",
        "-i",
        str(path),
        "-map",
        f"0:a:{track}",
        "-c",
        "copy",
        "-f",
        "md5",
        "-",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_captions_that_do_not_belong_to_the_video(tmp_path: Path) -> None:
    words = tuple(Word(at, at + 0.5, text) for at, text in [(0.5, "one"), (1.0, "two"), (7.0, "late"), (60.0, "later")])
    work = rendered(tmp_path / "a", film(tmp_path / "f.mp4"), said(*words))
    assert work.noted == ["captions_too_late"]
    assert proof(work)["holds"]
    assert probe(str(work.folder / "rendered.mp4")).duration_s == pytest.approx(3, abs=0.1)
    work = rendered(tmp_path / "b", tmp_path / "f.mp4", transcript(""))
    assert work.noted == ["no_captions"]
    assert (work.folder / "rendered.mp4").stat().st_size > 0
    zero = said(Word(1.0, 1.0, "now"), Word(1.0, 1.6, "then"), Word(1.6, 1.6, "{\\b1}"))
    work = rendered(tmp_path / "c", tmp_path / "f.mp4", zero)
    assert proof(work)["words_out_of_time"] == 0
    assert proof(work)["words_unlit"] == 2


@pytest.mark.slow
def test_the_proof_sees_what_is_wrong(tmp_path: Path) -> None:

    (tmp_path / "w").mkdir()
    style, size = load_style("yellow", None), (540, 960)
    area = safe.area("auto", *size)
    drawing = Drawing(tmp_path / "w", style, find_font(style.typeface, None), size, area, None, lambda code, text: None)
    script = transcript("one two three four five six")
    made = drawing.cards(script.words, "en")
    ass = drawing.write(made, "captions.ass")

    def measured() -> proofs.Proof:
        return proofs.prove(tmp_path / "w", ass, made, style, area, size, script, lambda text: None)

    assert measured().holds
    assert measured().speech_covered == 1.0
    ass.events[-1].text = ass.events[-1].text.replace("\\pos(", "\\pos(-", 1)
    lit = [event for event in ass if event.layer == 3]
    lit[0].start -= 300
    for event in lit[1:]:
        event.text = event.text.replace("\\1c&H00D5FF&", "\\1c&HFFFFFF&")
    found = measured()
    assert not found.holds
    assert found.words_out_of_time == 1
    assert found.dark >= 1
    moved = [event for event in ass if event.layer > 1]
    for event in moved:
        event.text = event.text.replace("\\pos(", "\\pos(1", 1)
    assert measured().outside + measured().sampled - len(measured().drawn) >= 1
    quiet = Transcript(
        language="en", language_probability=1, duration_s=9, model="m", words=script.words, speech=(Span(0, 100),)
    )
    assert proofs.prove(tmp_path / "w", ass, made, style, area, size, quiet, lambda text: None).speech_covered < 0.1


@pytest.mark.slow
def test_hardware_that_gives_up_in_the_middle_is_replaced_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hardware = next(
        (name for name in encoders.NAMES[:-1] if not encoders.works(name, ffmpeg.find(render.NEEDS).path)), None
    )
    if hardware is None:
        pytest.skip("every hardware encoder works here")
    monkeypatch.setattr(encoders, "works", lambda name, path: name == hardware)  # as if its test had gone well
    work = rendered(tmp_path / "w", film(tmp_path / "f.mp4"), transcript("one"), encoder="auto")
    assert work.noted == ["encoder"]
    assert next(item for item in work.artifacts if item.kind == "video").about["encoder"] == "libx264"


@pytest.fixture
def without_libass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ffmpeg that lacks the filters of libass, as Homebrew's does."""
    path = tmp_path / "ffmpeg"
    path.write_text(
        f'#!{sys.executable}\nimport subprocess, sys\nif "-filters" not in sys.argv:\n'
        f"    raise SystemExit(subprocess.call([{ffmpeg.find().path!r}, *sys.argv[1:]]))\n"
        f"done = subprocess.run([{ffmpeg.find().path!r}, *sys.argv[1:]], capture_output=True, text=True)\n"
        'print("\\n".join(line for line in done.stdout.splitlines() if " ass " not in line))\n'
    )
    path.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(path))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return path


@pytest.mark.slow
def test_without_libass_styled_says_so_and_captions_go_on(home: Home, without_libass: Path) -> None:
    (home.folder / "inbox" / "styled").mkdir()
    inboxes = [
        {"path": f"inbox/{name}", "recipe": name, "outbox": "outbox/captions", "settle": 0.3, "grace": 1}
        for name in ("captions", "styled")
    ]
    home.configure(inboxes=inboxes)
    home.start()
    shutil.copy(SAMPLE, home.inbox / "a.mp4")
    shutil.copy(SAMPLE, home.folder / "inbox" / "styled" / "b.mp4")
    jobs = {job["recipe"]: job for job in home.ended(2)}
    assert jobs["captions"]["state"] == "done"
    assert jobs["styled"]["state"] == "failed"
    failed = home.job(jobs["styled"]["id"])
    assert "lacks ass" in str(failed)
    assert home.outputs() == ["a.en.srt", "a.en.vtt"]


@pytest.mark.slow
def test_three_lines_end_to_end_from_every_kind_of_given_words(home: Home) -> None:
    home.configure(inbox={"recipe": "styled", "sidecar_grace": 2})
    film(home.folder / "f.mp4", size="360x640", seconds=8)
    cues = [
        ("00:00:00.500", "00:00:02.000", "Hello <00:00:01.500><c>there</c>"),
        ("00:00:02.500", "00:00:04.500", "second line"),
        ("00:00:05.000", "00:00:07.000", "and the third"),
    ]
    vtt = "WEBVTT\n\n" + "\n\n".join(f"{start} --> {end}\n{text}" for start, end, text in cues) + "\n"
    unsorted = [cues[2], cues[0], ("00:00:01.900", "00:00:01.900", ""), cues[1]]
    srt = "\n\n".join(
        f"{number}\n{start} --> {end}\n{text}".replace(".", ",")
        for number, (start, end, text) in enumerate(unsorted, 1)
    )
    words = [{"start": 0.5, "end": 1.5, "text": "Hello"}, {"start": 1.5, "end": 2.0, "text": "there"}]
    made = {"language": "en", "cues": [{"start": 0.5, "end": 2.0, "text": "Hello there", "words": words}]}
    ass = (
        "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, "
        "Effect, Text\nDialogue: 0,0:00:00.50,0:00:02.00,Default,,0,0,0,,{\\k100}Hel{\\k0}lo {\\kf50}there\n"
    )
    for name, text in {
        "v.en.vtt": vtt,
        "s.srt": srt.replace("<00:00:01,500><c>", "").replace("</c>", ""),
        "j.en.json": json.dumps(made),
        "a.en.ass": ass,
    }.items():
        (home.inbox / name).write_text(text)
    home.start()
    for name in "vsja":
        shutil.copy(home.folder / "f.mp4", home.folder / "inbox" / f".{name}")
        (home.folder / "inbox" / f".{name}").rename(home.inbox / f"{name}.mp4")
    jobs = home.ended(4, timeout_s=120)
    assert [job["state"] for job in jobs] == ["done"] * 4, jobs
    for name, tag in {"v": ".en", "s": "", "j": ".en", "a": ".en"}.items():
        video = home.outbox / f"{name}{tag}.tiktok.mp4"
        found = json.loads((home.outbox / f"{name}{tag}.tiktok.proof.json").read_text())
        assert found["holds"], found
        first, second = columns(frame_at(video, 0.9, 360, 640)), columns(frame_at(video, 1.75, 360, 640))
        assert first < second, name  # Hello is lit, then there
        if name != "s":
            assert columns(frame_at(video, 1.4, 360, 640)) == pytest.approx(
                first, abs=9
            )  # at the times that were given
        if name in "vs":
            for at in (3.0, 6.0):
                assert yellow(frame_at(video, at, 360, 640)) > 100, (name, at)
            assert yellow(frame_at(video, 4.9, 360, 640)) == 0


def columns(frame: Any) -> float:
    """Where the highlighted word is: the mean of its columns."""
    lit = (frame[..., 0] > 200) & (frame[..., 1] > 150) & (frame[..., 2] < 90)
    assert lit.sum() > 50
    return float(np.flatnonzero(lit.any(axis=0)).mean())


@pytest.mark.slow
def test_a_long_render_cancelled_ten_times_leaves_nothing(home: Home) -> None:
    home.configure(inbox={"recipe": "styled"})
    make(
        "-f", "lavfi", "-i", "testsrc2=s=854x480:r=25:d=600", "-c:v", "mpeg4", "-q:v", "10", home.folder / "long.mp4"
    )  # fmt: skip
    minutes = [(n, f"00:{n // 60:02d}:{n % 60:02d}") for n in range(600)]
    (home.inbox / "long.en.srt").write_text("\n\n".join(f"{n}\n{t},000 --> {t},900\nword {n}" for n, t in minutes))
    home.start()
    shutil.copy(home.folder / "long.mp4", home.folder / "inbox" / ".long")
    (home.folder / "inbox" / ".long").rename(home.inbox / "long.mp4")

    def renders() -> list[str]:
        listed = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout
        return [line for line in listed.splitlines() if "rendered.mp4" in line and str(home.state) in line]

    for number in range(10):
        wait_for(renders, 60)
        time.sleep(0.05 + 0.21 * (number * 7 % 10))  # a moment that differs every time
        home.run("cancel", "1")
        wait_for(lambda: home.job()["state"] == "cancelled")
        wait_for(lambda: not renders(), 2)
        wait_for(lambda: not list((home.state / "work").rglob("rendered*")), 5)  # the daemon tidies up after it
        assert home.outputs() == []
        if number < 9:
            home.run("retry", "1")
    assert (home.inbox / "long.mp4").exists()
    assert home.stop(signal.SIGTERM) == 0
    assert os.listdir(home.state / "work") == []
