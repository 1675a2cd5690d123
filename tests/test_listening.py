"""Sound to words: chunks, judging, checkpoints, engines and what happens when they fail. Real models where it says slow."""

import shutil
import subprocess
import sys
import wave
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import jiwer
import numpy as np
import pytest

from reframed.errors import ReframeError, StepFailed
from reframed.speech import chunks, engine, faster, judge, listen, machine, modelfiles, models, sound, vad, vocabulary
from reframed.speech.checkpoint import Checkpoint
from reframed.speech.engine import Engine, Heard, Setup, Wish
from reframed.speech.machine import Machine
from reframed.speech.sound import RATE_HZ, Samples, Sound
from reframed.speech.vad import Region
from reframed.speech.words import Word
from reframed.subtitles import retime
from tests.conftest import JFK, MEDIA
from tests.speechlab import base_model, ggml_model, openai_model, plain, say

NOWHERE = Path("/nonexistent")


def pcm_of(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        data: bytes = file.readframes(file.getnframes())
    return data


def as_sound(folder: Path, *parts: bytes | float) -> Sound:
    """A sound of parts: PCM, or silence of so many seconds."""
    made = [part if isinstance(part, bytes) else bytes(round(part * RATE_HZ) * 2) for part in parts]
    return sound.spool(made, folder / "sound.pcm")


def nothing(code: str, text: str) -> None:
    """Nobody listens."""


class Told(list[tuple[str, str]]):
    def __call__(self, code: str, text: str) -> None:
        self.append((code, text))


def test_samples_are_read_where_they_are(tmp_path: Path) -> None:
    data = np.arange(-8000, 8000, dtype=np.int16).tobytes()
    made = sound.spool([data[:5000], data[5000:]], tmp_path / "x")
    assert made.samples == 16000
    assert made.read(0.5, 0.5 + 3 / RATE_HZ).tolist() == [0.0, 1 / 32768, 2 / 32768]
    assert len(made.read(0.9, 99)) == 1600
    assert len(made.read(-5, 0)) == 0


def test_speech_is_found_by_hysteresis_and_long_speech_is_cut_where_it_is_softest() -> None:
    voice = np.zeros(2000, dtype=np.float32)
    voice[100:200] = 0.9
    voice[150:158] = 0.1  # too short a pause
    voice[170:190] = 0.4  # between off and on
    voice[303:305] = 0.9  # too short to be speech
    voice[400:1700] = 0.9
    voice[1250] = 0.45
    found = vad.regions(voice, 64.0, 28.0)
    assert found[0] == Region(100 * vad.FRAME_S, 200 * vad.FRAME_S)
    assert found[1].start == 400 * vad.FRAME_S
    assert found[1].end == found[2].start == 1250 * vad.FRAME_S
    assert found[-1].end == 1700 * vad.FRAME_S


def test_chunks_hold_all_speech_once_and_know_where_it_was() -> None:
    speech = [Region(1, 5), Region(5.5, 9), Region(30, 40), Region(41, 55), Region(100, 101)]
    packed = chunks.pack(speech, 120.0)
    assert [region for chunk in packed for region in chunk.speech] == speech
    assert all(chunk.duration_s <= 30 for chunk in packed)
    first = packed[0]
    assert first.speech == tuple(speech[:3])
    assert [round(piece.start, 2) for piece in first.pieces] == [0.8, 29.7]
    at = first.pieces[1].at
    assert first.times(0.2, 4.2) == pytest.approx((1.0, 5.0))
    assert first.times(at + 0.3, at + 1.3) == pytest.approx((30.0, 31.0))
    assert first.times(at - 0.1, at + 0.9) == pytest.approx((29.7, 30.6))  # over the shortened pause: most is after it
    assert packed[1].pieces[0].start >= 40.0


def heard(text: str, pace_s: float = 0.3, logprob: float = -0.2, silence: float = 0.0) -> Heard:
    words = tuple(Word(i * pace_s, (i + 1) * pace_s, part, 0.9) for i, part in enumerate(text.split()))
    return Heard(words, "en", 1.0, logprob, silence)


@pytest.mark.parametrize(
    ("what", "speech", "fault"),
    [
        (heard("ask not what your country can do for you"), [Region(0, 3)], None),
        (heard("la la la la la la la la"), [Region(0, 3)], "over and over"),
        (heard("thank you " * 40, pace_s=0.02), [Region(0, 3)], "repeats itself"),
        (heard("ask not what", logprob=-1.4), [Region(0, 1)], "not sure"),
        (heard("thanks for watching"), [Region(20, 21)], "nobody speaks"),
        (heard("ask not"), [Region(0, 12)], "without words"),
        (Heard((), "en"), [Region(0, 12)], "without words"),
    ],
)
def test_what_cannot_be_true_is_known(what: Heard, speech: list[Region], fault: str | None) -> None:
    found = judge.faults(what, what.words, speech)
    assert (fault is None and not found) or any(fault in text for text in found if fault)


def test_a_sentence_said_twice_is_no_loop() -> None:
    twice = heard("he was not an ill disposed young man " * 2)
    assert judge.faults(twice, twice.words, [Region(0, 5)]) == []


class Scripted:
    """An engine that says what it is told to; for faults that a real one shows by chance only."""

    name, device, workers, batch = "scripted", "cpu", 2, 2
    lighter: Setup | None = None
    slower: Setup | None = None

    def __init__(self, first: Heard, again: Heard) -> None:
        self.first, self.again = first, again
        self.asked: list[tuple[int, Wish]] = []

    def hear(self, sounds: Sequence[Samples], wish: Wish) -> list[Heard]:
        self.asked.append((len(sounds), wish))
        return [self.again if len(sound) < 14 * RATE_HZ or wish.temperature else self.first for sound in sounds]

    def language(self, sound: Samples) -> tuple[str, float]:
        return "en", 1.0


def run(made: Sound, loaded: Engine, folder: Path, wish: Wish | None = None, trust: bool = True) -> listen.Transcribed:
    folder.mkdir(exist_ok=True)
    checkpoint = Checkpoint(folder / "heard", "test")
    return listen.transcribe(
        loaded, made, wish or Wish(), trust_vad=trust, checkpoint=checkpoint, progress=lambda done: None
    )


def test_a_bad_chunk_is_heard_again_in_parts_and_a_good_one_is_not(tmp_path: Path) -> None:
    made = as_sound(tmp_path, pcm_of(JFK) * 2)
    good = heard("and so my fellow americans " * 3, pace_s=0.7)
    loaded = Scripted(heard("la " * 60, pace_s=0.3), good)
    found = run(made, loaded, tmp_path / "k")
    assert found.again > 0
    assert "la" not in [word.text for word in found.words]
    calm = Scripted(heard("one two three four five six seven eight nine ten " * 3, pace_s=0.7), good)
    assert run(made, calm, tmp_path / "l").again == 0


def test_what_stays_bad_is_kept_without_the_loop_and_doubted(tmp_path: Path) -> None:
    made = as_sound(tmp_path, pcm_of(JFK))
    loop = heard("so " * 30, pace_s=0.35)
    found = run(made, Scripted(loop, loop), tmp_path / "k")
    assert 0 < len([word for word in found.words if word.text == "so"]) < 30
    assert "over and over" in found.doubts[0].about


def test_what_the_engine_takes_for_noise_gives_no_words_but_a_doubt(tmp_path: Path) -> None:
    made = as_sound(tmp_path, pcm_of(JFK))
    noise = heard("thank you", logprob=-1.5, silence=0.9)
    found = run(made, Scripted(noise, noise), tmp_path / "k")
    assert found.words == ()
    assert "noise" in found.doubts[0].about


def test_a_checkpoint_survives_and_belongs_to_one_plan(tmp_path: Path) -> None:
    result = listen.Result((Word(1, 2, "a"),), (("en", 1.0, 2.0),))
    one = Checkpoint(tmp_path / "c", "model a")
    assert one.load(3, listen.Result) == {}
    one.save(2, result)
    one.save(0, result)
    with (tmp_path / "c").open("ab") as file:
        file.write(b'[1,{"words":[],"lang')  # torn by a crash
    assert one.load(3, listen.Result) == {0: result, 2: result}
    one.save(1, result)
    assert set(one.load(3, listen.Result)) == {0, 1, 2}
    assert Checkpoint(tmp_path / "c", "model b").load(3, listen.Result) == {}


def test_memory_decides_how_much_is_decoded_at_once(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"")
    with (tmp_path / "model.bin").open("r+b") as file:
        file.truncate(480_000_000)
    setup = Setup("small", tmp_path, "cpu", 4)
    assert faster.share(setup) == (4, 4)
    assert faster.share(setup._replace(memory_bytes=3_000_000_000)) == (2, 2)
    assert faster.share(setup._replace(memory_bytes=100_000_000)) == (1, 1)


def test_model_auto_fits_the_machine_and_says_why(tmp_path: Path) -> None:
    pi = Machine(cores=4, memory_bytes=2_000_000_000, gpu_bytes=0)
    server = Machine(cores=8, memory_bytes=32_000_000_000, gpu_bytes=0)
    gpu = Machine(cores=8, memory_bytes=32_000_000_000, gpu_bytes=12_000_000_000)
    assert [models.to_fetch("auto", one) for one in (pi, server, gpu)] == ["tiny", "large-v3-turbo", "large-v3-turbo"]
    found = models.resolve("auto", tmp_path, server)
    assert found is not None
    assert found.name == "tiny.en"
    assert "would run large-v3-turbo well" in models.reason("tiny.en", server)
    assert "the best that" in models.reason("tiny", pi)
    assert not models.can_translate("large-v3-turbo")
    assert models.can_translate("small")


def test_a_gpu_that_cannot_be_used_is_said_and_the_cpu_goes_on() -> None:
    tiny = models.resolve("tiny.en", NOWHERE, machine.here("cpu"))
    assert tiny is not None
    told = Told()
    loaded = faster.load(Setup(tiny.name, tiny.path, "cuda", 1), told)
    assert loaded.device == "cpu"
    assert (loaded.lighter, loaded.slower) == (None, None)
    assert [code for code, _ in told] == ["slower_engine", "slower_engine"]
    assert "GPU" in told[0][1]


def test_when_memory_runs_out_the_batch_is_halved_and_at_last_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = models.resolve("tiny.en", NOWHERE, machine.here("cpu"))
    assert tiny is not None
    told = Told()
    loaded = faster.load(Setup(tiny.name, tiny.path, "cpu", 1), told)
    sounds = [np.zeros(RATE_HZ, dtype=np.float32)] * 4
    room = 1

    def short(some: Sequence[Samples], wish: Wish) -> list[Heard]:
        if len(some) > room:
            raise RuntimeError("CUDA failed with error out of memory")
        return [Heard((), "en")] * len(some)

    monkeypatch.setattr(loaded, "_hear", short)
    assert len(loaded.hear(sounds, Wish())) == 4
    assert loaded.batch == 1
    assert {code for code, _ in told} == {"smaller_batch"}
    room = 0
    with pytest.raises(StepFailed) as failed:
        loaded.hear(sounds, Wish())
    assert failed.value.code == "out_of_memory"


TERMS = [
    vocabulary.Term("Dashwood", ()),
    vocabulary.Term("Kubernetes", ("cooper netties",)),
    vocabulary.Term("iPhone", ()),
]


@pytest.mark.parametrize(
    ("text", "sure", "written"),
    [
        ("Mr. Dashwod, then", 0.4, "Mr. Dashwood, then"),
        ("Mr. Dashwod, then", 0.95, "Mr. Dashwod, then"),  # the engine was sure
        ("run Cooper Netties.", 0.95, "run Kubernetes."),
        ("an Iphone", 0.95, "an iPhone"),
        ("Dashwod's house", 0.4, "Dashwood's house"),
        ("nothing here", 0.1, "nothing here"),
    ],
)
def test_the_glossary_puts_names_right(text: str, sure: float, written: str) -> None:
    words = [Word(i, i + 1, part, sure) for i, part in enumerate(text.split())]
    found, corrections = vocabulary.correct(words, TERMS)
    assert " ".join(word.text for word in found) == written
    assert bool(corrections) == (text != written)
    assert (found[0].start, found[-1].end) == (0, len(words))


def test_a_glossary_file(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("# people\nDashwood\n Kubernetes = cooper netties, cuban netties # cloud\n\n")
    terms = vocabulary.read(tmp_path / "names.txt")
    assert terms[1] == vocabulary.Term("Kubernetes", ("cooper netties", "cuban netties"))
    assert vocabulary.as_text(terms) == "Dashwood, Kubernetes"
    with pytest.raises(ReframeError, match="cannot be read"):
        vocabulary.read(tmp_path / "none.txt")
    (tmp_path / "long.txt").write_text("\n".join(f"name{i}" for i in range(2000)))
    with pytest.raises(ReframeError, match="2000 names"):
        vocabulary.read(tmp_path / "long.txt")


def tiny_engine(name: str = "faster-whisper", path: Path | None = None) -> Engine:
    tiny = models.resolve("tiny.en", NOWHERE, machine.here("cpu"))
    assert tiny is not None
    return engine.load(name, Setup("tiny.en", path or tiny.path, "cpu", 2), nothing)


def text_of(found: listen.Transcribed) -> str:
    return plain(" ".join(word.text for word in found.words))


JFK_TEXT = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"


@pytest.mark.slow
def test_words_lie_on_the_speech_and_long_pauses_cost_nothing(tmp_path: Path) -> None:
    made = as_sound(tmp_path, 20.0, pcm_of(JFK), 40.0, pcm_of(MEDIA / "librivox-0870.wav"), 5.0)
    found = run(made, tiny_engine(), tmp_path / "k")
    assert found.chunks == 1
    assert jiwer.wer(JFK_TEXT, " ".join(text_of(found).split()[:22])) < 0.1
    assert 20.2 < found.words[0].start < 20.6
    second = next(word for word in found.words if word.start > 40)
    assert 71.0 < second.start < 71.7
    assert all(one.end <= two.start for one, two in zip(found.words, found.words[1:], strict=False))
    assert found.words[-1].end <= made.duration_s
    assert not [word for word in found.words if 31.2 < word.start < 71]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["silence", "chord", "noise"])
def test_what_is_no_speech_gives_no_words(kind: str, tmp_path: Path) -> None:
    seconds = np.arange(60 * RATE_HZ) / RATE_HZ
    if kind == "chord":
        wave_ = sum(np.sin(2 * np.pi * hz * seconds) for hz in (261.6, 329.6, 392.0)) * 5000
    elif kind == "noise":
        wave_ = np.random.default_rng(3).normal(0, 4000, len(seconds))
    else:
        wave_ = np.zeros(len(seconds))
    made = as_sound(tmp_path, np.asarray(wave_, dtype=np.int16).tobytes())
    assert run(made, tiny_engine(), tmp_path / "k").words == ()


@pytest.mark.slow
def test_an_hour_with_fifty_silent_minutes_has_words_where_speech_is_and_nowhere_else(tmp_path: Path) -> None:
    ten = pcm_of(JFK) + bytes(RATE_HZ * 2 * 2) + pcm_of(MEDIA / "librivox-0870.wav") + bytes(RATE_HZ * 2 * 2)
    made = as_sound(tmp_path, 1500.0, ten * 8, 1500.0, ten * 4, 300.0)
    found = run(made, tiny_engine(), tmp_path / "k")
    inside = [
        (1500, 1500 + len(ten) * 8 / 32000),
        (made.duration_s - 300 - len(ten) * 4 / 32000, made.duration_s - 300),
    ]
    assert all(any(start <= word.start <= end for start, end in inside) for word in found.words)
    assert len(found.words) == pytest.approx(12 * (22 + 21), rel=0.1)


@pytest.mark.slow
def test_whisper_cpp_hears_the_same_words(tmp_path: Path) -> None:
    path = ggml_model(tmp_path)
    loaded = tiny_engine("whisper.cpp", path)
    for name in ("jfk.wav", "librivox-0870.wav"):
        made = as_sound(tmp_path, pcm_of(MEDIA / name))
        theirs = run(made, loaded, tmp_path / f"c{name}")
        ours = run(made, tiny_engine(), tmp_path / f"f{name}")
        assert jiwer.wer(text_of(ours), text_of(theirs)) < 0.1
        assert all(one.end <= two.start for one, two in zip(theirs.words, theirs.words[1:], strict=False))
        assert 0 <= theirs.words[0].start < theirs.words[-1].end <= made.duration_s
        assert all(0 < word.probability <= 1 for word in theirs.words)
        given, share = retime.align_words([word.text for word in ours.words], theirs.words)
        assert share > 0.9
        apart = sorted(abs(one.start - two.start) for one, two in zip(ours.words, given, strict=True))
        assert apart[len(apart) // 2] < 0.5
    with pytest.raises(StepFailed, match="does not load"):
        (tmp_path / "ggml-bad.bin").write_bytes(b"not a model at all")
        tiny_engine("whisper.cpp", tmp_path / "ggml-bad.bin")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openai-whisper", "whisper-timestamped"])
def test_openais_engines_hear_the_same_words(name: str, tmp_path: Path) -> None:
    if not engine.is_installed(name):
        pytest.skip(f"{name} is an extra, and is not installed")
    loaded = engine.load(name, Setup("tiny.en", openai_model(tmp_path), "cpu", 2), nothing)
    made = as_sound(tmp_path, 2.0, pcm_of(JFK))
    found = run(made, loaded, tmp_path / "k")
    assert jiwer.wer(JFK_TEXT, text_of(found)) < 0.1
    assert 2.0 < found.words[0].start < 3.0
    assert found.words[-1].end <= made.duration_s
    assert loaded.language(made.read(2, 10)) == ("en", 1.0)


@pytest.mark.slow
def test_models_in_one_file_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "whisper.cpp").mkdir()
    made = ggml_model(tmp_path / "whisper.cpp")
    assert modelfiles.resolve("whisper.cpp", "auto", tmp_path).path == made
    assert modelfiles.resolve("whisper.cpp", "tiny.en", tmp_path).name == "tiny.en"
    with pytest.raises(ReframeError, match=r"no model small for whisper\.cpp"):
        modelfiles.resolve("whisper.cpp", "small", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng speaks the other languages here")
def test_languages_are_heard_and_a_file_may_switch(tmp_path: Path) -> None:
    loaded = engine.load("faster-whisper", Setup("base", base_model(tmp_path), "cpu", 2), nothing)
    spanish = "Buenos días a todos. Hoy vamos a hablar de la historia de nuestra ciudad."
    german = "Guten Morgen zusammen. Heute sprechen wir über die Geschichte unserer Stadt."
    for tag, text in (("es", spanish), ("de", german)):
        found = run(as_sound(tmp_path, say(tag, text, tmp_path)), loaded, tmp_path / tag)
        assert found.language == tag
        assert jiwer.wer(plain(text), text_of(found)) < 0.2
    both = as_sound(tmp_path, pcm_of(JFK), 1.0, say("es", spanish, tmp_path))
    found = run(both, loaded, tmp_path / "both")
    english = [word for word in found.words if (word.language or found.language) == "en"]
    castilian = [word for word in found.words if (word.language or found.language) == "es"]
    assert jiwer.wer(JFK_TEXT, plain(" ".join(word.text for word in english))) < 0.2
    assert jiwer.wer(plain(spanish), plain(" ".join(word.text for word in castilian))) < 0.2
    assert english[-1].end < castilian[0].start
    into = run(as_sound(tmp_path, say("es", spanish, tmp_path)), loaded, tmp_path / "into", Wish("es", translate=True))
    assert {"city", "history"} & set(text_of(into).split())


@pytest.mark.slow
def test_ten_hours_need_no_more_memory_than_ten_minutes(tmp_path: Path) -> None:
    """Reading and finding speech, the parts that see the whole file; what an engine takes is bounded by its batch."""
    code = """
import resource, sys
from pathlib import Path
from reframed.speech import listen, sound
piece = Path(sys.argv[1]).read_bytes()[44:]
made = sound.spool((piece for _ in range(int(sys.argv[2]))), Path(sys.argv[3]))
print(len(listen.find_speech(made, 2, True)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = []
    for count in (55, 1100):
        command = [sys.executable, "-c", code, str(JFK), str(count), str(tmp_path / "x")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        regions, peak = map(int, done.stdout.split())
        assert regions >= count
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 100_000  # kB


def test_sound_that_would_fill_the_disk_waits_and_says_how_much_it_takes(tmp_path: Path) -> None:
    from reframed.steps.transcribe import _check_room

    _check_room(tmp_path, 60.0)
    with pytest.raises(StepFailed, match=r"takes .* of working space") as failed:
        _check_room(tmp_path, 1e12)
    assert failed.value.code == "no_space"


def test_engines_that_are_missing_are_known() -> None:
    assert engine.is_installed("faster-whisper")
    assert engine.is_installed("whisper-timestamped") == (find_spec("whisper_timestamped") is not None)
    assert "openai" in engine.how_to_install("openai-whisper")


def test_what_needs_less_memory_is_tried_in_order(tmp_path: Path) -> None:
    from reframed.media.info import MediaInfo
    from reframed.protocol import Settings
    from reframed.steps.base import Work
    from reframed.steps.transcribe import Transcribe

    told = Told()
    work = Work(
        source="", media=MediaInfo(container="wav"), inputs=[], sidecars=(), folder=tmp_path, kept=tmp_path,
        settings=Settings(models_folder=str(tmp_path)), label="", progress=lambda done: None, note=told, say=told,
        log=lambda text: None,
    )  # fmt: skip
    big = models.Model("small.en", tmp_path, "fetched", 480_000_000, "r")
    setup = Setup("small.en", tmp_path, "cuda", 1)
    loaded = Scripted(heard("a"), heard("a"))
    loaded.lighter, loaded.slower = setup._replace(rung=1), setup._replace(rung=2)
    failed = StepFailed("out_of_memory", "no memory")
    allowed = Transcribe(smaller_model=True)
    assert allowed._with_less(work, loaded, big, failed) == (loaded.lighter, big)
    loaded.lighter = None
    assert allowed._with_less(work, loaded, big, failed)[1].name == "tiny.en"
    assert Transcribe()._with_less(work, loaded, big, failed) == (loaded.slower, big)
    loaded.slower = None
    with pytest.raises(StepFailed, match="no memory"):
        Transcribe()._with_less(work, loaded, big, failed)
    assert [code for code, _ in told] == ["less_memory", "smaller_model", "less_memory"]
