"""Sentences over cues, real engines, models that come and go, and a language model that cannot be trusted."""

import contextlib
import hashlib
import http.server
import importlib.util
import json
import re
import shutil
import stat
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from reframed.errors import ReframeError, StepFailed
from reframed.subtitles import files, profiles
from reframed.translation import argos, detect, download, guard, llm, marks, models, sentences, sources
from reframed.translation.engine import NO_MODEL, Endpoint, Setup, route
from reframed.translation.firefox import Firefox
from reframed.translation.llm import Llm
from reframed.translation.memory import Memory
from reframed.translation.sentences import Line, Rules
from tests.translationlab import ARGOS, HAS_FIREFOX, NO_FIREFOX, PHRASES, chat, firefox_models, send, send_file, server

REFERENCES = Path(__file__).parent / "media" / "subtitles-en-pt.tsv"
PT, ES = profiles.profile("netflix", "pt"), profiles.profile("netflix", "es")
needs_firefox = pytest.mark.skipif(not HAS_FIREFOX, reason=NO_FIREFOX)


def same(texts: Any) -> list[str]:
    """A translation that changes nothing."""
    return list(texts)


def upper(texts: Any) -> list[str]:
    """A translation that shows."""
    return [text.upper() for text in texts]


def cues(*texts: str, pace_s: float = 2.0) -> list[Line]:
    return [Line(at * pace_s, (at + 0.95) * pace_s, text) for at, text in enumerate(texts)]


@needs_firefox
def test_whole_sentences_score_better_than_single_cues(tmp_path: Path) -> None:
    engine = Firefox("en", "pt", firefox_models(tmp_path))
    rows = [line.split("\t") for line in REFERENCES.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 40
    lines, owner, at = [], [], 0.0
    for number, (text, _) in enumerate(rows):
        for part in text.split("|"):
            lines.append(Line(at, at + 1.8, part))
            owner.append(number)
            at += 1.9
        at += 0.3
    found = sentences.translate(lines, "none", engine.translate, Rules("en", PT))

    def score(texts: list[str]) -> float:
        whole = [" ".join(t.replace("\n", " ") for t, o in zip(texts, owner, strict=True) if o == n) for n in range(40)]
        return float(sacrebleu.corpus_chrf(whole, [[row[1] for row in rows]]).score)

    aware, blind = score(found.plain), score(engine.translate([line.raw for line in lines]))
    assert aware > 78
    assert aware > blind + 3
    assert all(found.plain)


@needs_firefox
def test_the_other_way_and_what_only_one_direction_can(tmp_path: Path) -> None:
    firefox_models(tmp_path, "pt-en")
    assert Firefox("pt", "en", tmp_path).translate(["Onde fica a estação?"]) == ["Where is the station?"]
    with pytest.raises(StepFailed, match=r"en into pt.*pt-en") as failed:
        Firefox("en", "pt", tmp_path)
    assert failed.value.code == NO_MODEL
    assert "fetch en-pt" in failed.value.hint
    with (tmp_path / "translation" / "firefox" / "pt-en" / "model.pten.intgemm.alphas.bin").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(StepFailed, match="model failed"):
        Firefox("pt", "en", tmp_path).translate(["Olá"])


@pytest.mark.parametrize(("source", "target"), [("en", "es"), ("es", "en"), ("en", "fr"), ("es", "fr")])
def test_argos_packages_are_read_natively(source: str, target: str, tmp_path: Path) -> None:
    models.install(ARGOS, tmp_path)
    engine = argos.Argos(source, target, Setup(tmp_path, 2))
    column = {"en": 0, "es": 1, "fr": 2}
    assert len(engine.route) == (3 if source + target == "esfr" else 2)
    assert len(PHRASES) == 79
    made = engine.translate([row[column[source]] for row in PHRASES])
    assert made == [row[column[target]] for row in PHRASES]


@pytest.mark.skipif(
    importlib.util.find_spec("argostranslate") is None, reason="the extra argostranslate is not installed"
)
def test_argos_natively_and_by_its_library_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reframed.translation.library import Library

    monkeypatch.setenv("ARGOS_PACKAGES_DIR", str(argos.folder(tmp_path)))
    models.install(ARGOS, tmp_path)
    texts = [row[0] for row in PHRASES] + ["A sentence that the phrasebook lacks.", "42"]
    assert Library("en", "es", tmp_path).translate(texts) == argos.Argos("en", "es", Setup(tmp_path)).translate(texts)
    texts = [row[1] for row in PHRASES]
    assert Library("es", "fr", tmp_path).translate(texts) == argos.Argos("es", "fr", Setup(tmp_path)).translate(texts)


def test_packages_of_an_existing_argos_translate_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARGOS_PACKAGES_DIR", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    argos.unpack(ARGOS / "translate-en_es-0_1.argosmodel", tmp_path / "data" / "argos-translate" / "packages" / "en_es")
    (found,) = models.installed(tmp_path / "models")
    assert (found.pair, found.origin) == ("en-es", "argos-translate")
    with pytest.raises(ReframeError, match="no installed translation model"):
        models.remove("en-es", tmp_path / "models")  # not ours to remove


def test_a_package_that_is_put_into_the_folder_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    argos.folder(tmp_path).mkdir(parents=True)
    shutil.copy(ARGOS / "translate-en_es-0_1.argosmodel", argos.folder(tmp_path))
    (argos.folder(tmp_path) / "broken.argosmodel").write_bytes(b"PK")
    assert [item.pair for item in models.installed(tmp_path)] == ["en-es"]
    assert argos.Argos("en", "es", Setup(tmp_path)).translate([PHRASES[0][0]]) == [PHRASES[0][1]]
    assert "broken.argosmodel is damaged" in caplog.text


def test_the_shortest_way_is_taken() -> None:
    pairs = [("es", "en"), ("en", "fr"), ("es", "it"), ("it", "de"), ("de", "fr"), ("fr", "pl")]
    assert route("es", "fr", pairs, "en") == ("es", "en", "fr")
    assert route("es", "pl", pairs) == ("es", "en", "fr", "pl")
    assert route("fr", "es", pairs) == ()


def test_sentences_go_over_cues_and_nothing_else_does() -> None:
    asked: list[str] = []

    def engine(texts: Any) -> list[str]:
        asked.extend(texts)
        return upper(texts)

    lines = [
        Line(0, 2, "Ask not what your country"), Line(2.1, 4, "can do for you. And"), Line(4.2, 6, "then go."),
        Line(9, 10, "after a pause"), Line(10.1, 11, "another voice", "Ann"), Line(11.1, 12, "[door slams]"),
        Line(12.1, 13, "- Hello.\n- Hi there."), Line(13.1, 14, "..."), Line(14.1, 15, "1984"), Line(15.1, 16, "♪ la la ♪"),
        Line(16.1, 17, "JOHN: I know"), Line(17.1, 18, "what you mean."), Line(18.1, 19, "Zanzibar!"),
    ]  # fmt: skip
    found = sentences.translate(lines, "none", engine, Rules("en", ES, frozenset({"Zanzibar"})))
    assert asked == [
        "Ask not what your country can do for you.", "And then go.", "after a pause", "another voice", "door slams",
        "Hello.",
        "Hi there.", "la la", "I know what you mean.",
    ]  # fmt: skip
    shown = [line.raw.upper() for line in lines[:-1]]
    shown[10:12] = ["JOHN: I KNOW WHAT", "YOU MEAN."]  # dealt out by time
    assert found.plain == [*shown, "Zanzibar!"]
    assert {flag.cue: flag.what for flag in found.passed} == {
        8: "only punctuation", 9: "only a number", 13: "a name in the glossary",
    }  # fmt: skip


def asked(lines: list[Line], markup: marks.Markup = "none") -> list[str]:
    """The sentences that an engine gets."""
    got: list[str] = []

    def engine(texts: Any) -> list[str]:
        got.extend(texts)
        return list(texts)

    sentences.translate(lines, markup, engine, Rules("en", PT))
    return got


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["I think that we should", "\u2013 Stop right there"], ["I think that we should", "Stop right there"]),
        (["I think that we should", ">> Stop right there"], ["I think that we should", "Stop right there"]),
        (["Turn that down", "♪ Hello darkness ♪"], ["Turn that down", "Hello darkness"]),
        (["I think that we should", "Bob: Stop"], ["I think that we should", "Bob: Stop"]),
        (["I think that we should", "JOSÉ: Stop"], ["I think that we should", "Stop"]),
        (["(SIGHS) no.", "BOB (O.S.): Hi."], ["(sighs) no.", "Hi."]),
        (["(music) Good evening [laughs]", "red is the best"], ["(music) Good evening [laughs]", "red is the best"]),
        (["Is this the right one?", "No.", "Bob is here."], ["Is this the right one?", "No.", "Bob is here."]),
        (["Hi!\n- I was there."], ["Hi!", "I was there."]),
        (["I have never", "seen that."], ["I have never seen that."]),
        (["♪ Hello darkness ♪", "♪ my old friend ♪"], ["Hello darkness my old friend"]),
        (["Mr.", "Smith is here."], ["Mr. Smith is here."]),
    ],
)
def test_voices_are_not_mixed(texts: list[str], wanted: list[str]) -> None:
    assert [text.replace("SIGHS", "sighs") for text in asked(cues(*texts))] == wanted


def test_a_sign_and_an_overlap_are_no_part_of_the_dialogue(tmp_path: Path) -> None:
    (tmp_path / "a.ass").write_text(
        "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n"
        "Style: Sign,Arial\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,I was going to tell\n"
        "Dialogue: 0,0:00:01.50,0:00:03.00,Sign,,0,0,0,,EXIT ONLY\n"
        "Dialogue: 0,0:00:01.60,0:00:03.00,Default,,0,0,0,,{\\p1}m 0 0 l 9 9{\\p0}\n"
        "Dialogue: 0,0:00:02.00,0:00:03.00,Default,,0,0,0,,{\\pos(1,2)}the time\n"
        "Dialogue: 0,0:00:02.10,0:00:03.00,Default,,0,0,0,,you the truth.\n"
    )
    source = sources.of_file(tmp_path / "a.ass")
    assert asked(source.lines, "ass")[1:] == ["Exit only", "the time", "you the truth."]
    without = [line for line in source.lines if "\\p1" not in line.raw]
    assert asked(without, "ass") == ["I was going to tell you the truth.", "Exit only", "the time"]
    assert sources.written(source, ["a", "b", "c", "d", "e"]) == ["a", "b", "d", "e"]
    at_once = [Line(0, 2, "I was going to"), Line(0.5, 2, "exit"), Line(2, 3, "tell you")]
    assert "exit" not in asked(at_once)[0]
    said = "WEBVTT\n\n00:01.000-->00:02.000\n<v Ann>I never thought\n\n00:02.000 --> 00:03.000\n<v Bob>You are late\n"
    (tmp_path / "a.vtt").write_text(said)
    assert asked(sources.of_file(tmp_path / "a.vtt").lines, "vtt") == ["I never thought", "You are late"]


def test_srt_keeps_what_its_writer_wrote(tmp_path: Path) -> None:
    text = (
        "7\n00:00:01,000 --> 00:00:02,000 X1:40 X2:600\n{\\an8}<i>hello {name}, you have %d</i>\n\n"
        "x\n00:00:03,000 --> 00:00:04,000\n<i>going to <b>make</b> it</i>\n42\n\n9\n00:00:05,000 --> 00:00:06,000\n"
    )
    (tmp_path / "a.srt").write_text(text)
    source = sources.of_file(tmp_path / "a.srt")
    made = sentences.translate(source.lines, source.markup, same, Rules("en", PT))
    assert sources.rewritten(source, made.raw, "srt") == text.replace("</i>\n42", " 42</i>").replace(
        "it 42</i>", "it</i> 42"
    )
    assert "{name}" in made.plain[0]
    assert sources.rewritten(source, made.raw, "vtt") is None  # written anew, escaped


def test_capitals_are_asked_for_in_small_letters() -> None:
    got: list[str] = []

    def engine(texts: Any) -> list[str]:
        got.extend(texts)
        return [text.replace("house", "casa") for text in texts]

    answers = guard.translate(["GET OUT OF THE {ROOM} HOUSE! I SAID.", "Fine.", "X"], engine, frozenset())
    assert got[0].startswith("Get out of the XQ0 house! I said.")
    assert answers[0].text == "GET OUT OF THE {ROOM} CASA! I SAID."
    assert (answers[1].text, answers[2].text) == ("Fine.", "X")


def test_placeholders_are_counted() -> None:
    def forgetful(texts: Any) -> list[str]:
        return [re.sub(r"\s*XQ1", "", text) for text in texts]

    answer = guard.translate(["%s hit %s hard"], forgetful, frozenset())[0]
    assert answer.text == "%s hit %s hard"
    assert guard.translate(["Hello {a} and {b} now"], forgetful, frozenset())[0].text == "Hello {a} and {b} now"
    assert "as it was" in guard.translate(["this is not translated"], same, frozenset())[0].doubts[0]


def test_a_remark_in_webvtt_is_not_shown(tmp_path: Path) -> None:
    text = "WEBVTT\n\nNOTE one\ntwo\n\n00:01.000 --> 00:02.000\nhello\n\nNOTE between\n\n00:03.000 --> 00:04.000\nNOTE it\n"
    (tmp_path / "a.vtt").write_text(text)
    assert [cue.text for cue in files.read(tmp_path / "a.vtt")] == ["hello", "NOTE it"]


def test_a_translation_is_dealt_out_by_time_at_good_breaks() -> None:
    lines = [Line(0, 4, "It was the best day"), Line(4.1, 5, "of my life.")]
    found = sentences.translate(lines, "none", lambda texts: ["Fue el mejor día de mi vida."], Rules("en", ES))
    assert found.plain == ["Fue el mejor día", "de mi vida."]
    lines = cues("One long", "sentence over", "three cues.")
    found = sentences.translate(lines, "none", lambda texts: ["Corta."], Rules("en", ES))
    assert found.plain == ["Corta."] * 3
    assert {flag.cue for flag in found.flags if "repeated" in flag.what} < {1, 2, 3}
    japanese = profiles.profile("netflix", "ja")
    found = sentences.translate(
        cues("The weather is", "fine today."),
        "none",
        lambda t: ["今日はとても天気がいいですね。"],
        Rules("en", japanese),
    )
    assert "".join(found.plain).replace("\n", "") == "今日はとても天気がいいですね。"
    assert all(found.plain)


def test_tags_notes_and_places_come_back() -> None:
    raw = [
        "{\\i1}Where are you{\\i0}",
        "{\\an8}going {\\b1}tonight{\\b0}?",
        "♪ Sing ♪",
        "{\\p1}m 0 0 l 9 9{\\p0}",
        "- A.\\N- B.",
    ]
    found = sentences.translate(cues(*raw), "ass", upper, Rules("en", ES))
    assert found.raw == [
        "{\\i1}WHERE ARE YOU{\\i0}", "{\\an8}GOING {\\b1}TONIGHT{\\b0}?", "♪ SING ♪", "{\\p1}m 0 0 l 9 9{\\p0}",
        "- A.\\N- B.",
    ]  # fmt: skip
    found = sentences.translate(
        cues("<v Bob><i>Tom &amp; I</i> agree.", "<c.red>no</c>"), "vtt", upper, Rules("en", ES)
    )
    assert found.raw == ["<v Bob><i>TOM &amp; I</i> AGREE.", "<c.red>NO</c>"]


def test_what_engines_mangle_is_held_and_numbers_are_compared() -> None:
    def mangling(texts: Any) -> list[str]:
        return [re.sub(r"[{}<>%$]", "", text).replace("12", "21") for text in texts]

    texts = [
        "Hello {name}, %d of <b>all</b>.",
        "Meet me at 12.",
        "See https://x.org/a?b=1 or mail a@b.org.",
        "Ask Zoë.",
    ]
    found = guard.translate(texts, mangling, frozenset())
    assert found[0].text == texts[0]
    assert found[1].doubts == ("numbers differ: 12 not in the translation",)
    assert found[2].text == texts[2]

    def renaming(texts: Any) -> list[str]:
        return [text.replace("Zoë", "Zoo") for text in texts]

    assert guard.translate(["Ask Zoë."], renaming, frozenset({"Zoë"})) == [guard.Answer("Ask Zoë.", ())]
    assert guard.translate(["Say it"], lambda t: [""], frozenset())[0] == guard.Answer(
        "Say it", ("the engine gave nothing: the original is kept",)
    ) or guard.translate(["Say it"], lambda t: [""], frozenset())[0].text == "Say it"  # fmt: skip
    assert guard.numbers("1,000.50 on 12/05") == sorted(["100050", "12", "05"])


def test_what_is_in_the_target_language_already_is_left_alone() -> None:
    lines = cues("This is an English sentence, quite long enough.", "Esta frase está en español desde el principio.")
    found = sentences.translate(lines, "none", upper, Rules("en", ES, frozenset(), detect.is_in("es", "en")))
    assert found.plain[1] == lines[1].raw
    assert found.passed == [sentences.Flag(2, "in es already")]
    assert detect.language_of(["Esta frase está en español desde el principio."]) == "es"
    assert detect.language_of(["?"]) == ""


_text = some.text(
    some.sampled_from("abc XYZ é1 2.,!?…-♪[](){}<>\\/&;:'\"\u200f你好。مרא\n\tiN%@#"), max_size=60
)  # fmt: skip
_cue = some.tuples(some.floats(-5, 5000), some.floats(-1, 20), _text, some.sampled_from(["", "", "Ann"]))


@settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    some.lists(_cue, max_size=12),
    some.sampled_from(["none", "ass", "vtt"]),
    some.sampled_from(["es", "ja", "ar", "zh"]),
)
def test_for_any_cues_count_and_text_are_kept(
    found: list[tuple[float, float, str, str]], markup: Any, target: str
) -> None:
    lines = [Line(start, start + length, text, speaker) for start, length, text, speaker in found]
    made = sentences.translate(lines, markup, same, Rules("en", profiles.profile("netflix", target)))
    assert len(made.raw) == len(made.plain) == len(lines)
    for line, raw in zip(lines, made.raw, strict=True):
        assert tags(raw, markup) == tags(line.raw, markup)
    if any("repeated" in flag.what for flag in made.flags):
        return  # more cues than words: some words are shown twice
    before = letters("".join(marks.plain(line.raw, markup) for line in lines))
    assert sorted(letters("".join(made.plain))) == sorted(before)  # notes and dashes stay in their cue, words may move


def tags(text: str, markup: str) -> list[str]:
    if markup == "none":
        return []
    found = re.findall(r"\{[^{}]*\}|</?[a-zA-Z][^<>]*>" if markup == "ass" else r"<[^<>]*>", text)
    return [re.sub(r"\s+|\\\\[Nn]", " ", tag) for tag in found]


def letters(text: str) -> str:
    """What must not be lost: everything but spaces, and what ASS cannot hold."""
    return re.sub(r"[\s{}()\\\u29f5]|\\N", "", text)


def test_a_cue_of_ten_thousand_characters_and_a_hundred_thousand_cues() -> None:
    asked: list[str] = []

    def engine(texts: Any) -> list[str]:
        asked.extend(texts)
        return list(texts)

    long = "word " * 2000
    found = sentences.translate(cues(long, "and on it goes."), "none", engine, Rules("en", ES))
    assert max(map(len, asked)) <= 300
    assert " ".join(found.plain).split() == [*long.split(), "and", "on", "it", "goes."]
    many = [Line(at * 2.0, at * 2 + 1.9, f"This is line {at}.") for at in range(100_000)]
    start = time.perf_counter()
    found = sentences.translate(many, "none", same, Rules("en", ES))
    assert found.plain == [line.raw for line in many]
    assert time.perf_counter() - start < 120  # a guard against what grows faster than the file


def test_vtt_keeps_its_settings_and_ass_its_styles(tmp_path: Path) -> None:
    vtt = (
        "WEBVTT - a title\n\nSTYLE\n::cue { color: red }\n\nNOTE a remark\n\nfirst\n"
        "00:01.000 --> 00:02.000 line:0 align:start\n"
        "<v Bob>Hello\nthere</v>\n\n00:03.000 --> 00:04.000\nbye &amp; so on\n"
    )
    (tmp_path / "a.vtt").write_text(vtt)
    source = sources.of_file(tmp_path / "a.vtt")
    made = sentences.translate(source.lines, source.markup, upper, Rules("en", ES))
    assert sources.rewritten(source, made.raw, "vtt") == vtt.replace("Hello\nthere", "HELLO THERE").replace(
        "bye &amp; so on", "BYE &amp; SO ON"
    )
    ass = (
        "[Script Info]\nScriptType: v4.00+\nPlayResX: 640\n\n"
        "[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Sign,Impact,33\n\n"
        "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Comment: 0,0:00:00.00,0:00:01.00,Sign,,0,0,0,,a remark\n"
        "Dialogue: 3,0:00:01.00,0:00:02.00,Sign,Bob,5,0,0,,{\\pos(9,9)}stop\n"
    )
    (tmp_path / "a.ass").write_text(ass)
    source = sources.of_file(tmp_path / "a.ass")
    assert [line.raw for line in source.lines] == ["{\\pos(9,9)}stop"]
    text = sources.rewritten(source, ["{\\pos(9,9)}alto"], "ass") or ""
    assert "Dialogue: 3,0:00:01.00,0:00:02.00,Sign,Bob,5,0,0,,{\\pos(9,9)}alto" in text
    assert "a remark" in text
    assert "Style: Sign,Impact,33" in text


def numbered(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> list[str]:
    """The lines that a request asks to translate."""
    text = json.loads(body)["messages"][-1]["content"].rpartition("Translate:\n")[2]
    return [line.partition(". ")[2] for line in text.splitlines()]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A language model's pauses without their length, and no memory of other tests' failures."""
    monkeypatch.setattr(llm, "_PAUSE_S", 0.01)
    monkeypatch.setattr(llm, "_broken", {})


def ask(url: str, texts: list[str], **more: Any) -> list[str]:
    return Llm("en", "es", Endpoint(url, "m", **more), ["Zoë"], lambda text: None).translate(texts)


@pytest.mark.usefixtures("quick")
def test_a_language_model_is_asked_in_groups_with_what_stands_around() -> None:
    seen: list[dict[str, Any]] = []

    def answer(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append(json.loads(body) | {"key": handler.headers.get("Authorization"), "path": handler.path})
        chat(handler, "\n".join(f"{n}. {text.upper()}" for n, text in enumerate(numbered(handler, body), 1)))

    texts = [f"line number {n}" for n in range(45)]
    with server(answer) as url:
        assert ask(url + "/v1", texts) == [text.upper() for text in texts]
    assert [len(numbered(None, json.dumps(one).encode())) for one in seen] == [20, 20, 5]  # type: ignore[arg-type]
    assert seen[0]["path"] == "/v1/chat/completions"
    assert seen[0]["key"] is None
    assert "line number 19" in seen[1]["messages"][1]["content"].partition("Translate:")[0]
    assert "line number 40" in seen[1]["messages"][1]["content"].partition("Translate:")[0]
    assert "Zoë" in seen[0]["messages"][0]["content"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: "```\n" + "\n".join(f"{n}) **{line}**" for n, line in enumerate(lines, 1)) + "\n```",
        lambda lines: "Sure!\n" + "\n".join(f" {n}: {line}" for n, line in enumerate(lines, 1)) + "\nAnything else?",
        lambda lines: "<think>1. no\n2. no</think>\n" + "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1)),
        lambda lines: "\n".join(f"{n}. {line}" for n, line in enumerate(lines[: 2 if len(lines) > 2 else None], 1)),
        lambda lines: "" if len(lines) > 1 else f"1. {lines[0]}",
    ],
    ids=["markdown", "chatter", "thinking", "too few", "nothing for many"],
)
def test_a_language_model_that_cannot_count_is_made_to(spoil: Any) -> None:
    def answer(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        chat(handler, spoil([line.upper() for line in numbered(handler, body)]))

    texts = [f"text {n}" for n in range(7)]
    with server(answer) as url:
        assert ask(url, texts) == [text.upper() for text in texts]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "body",
    [
        {"message": {"content": "I'm sorry, but I can't help with that."}},
        {"message": {"content": "1. Adi"}, "finish_reason": "length"},
        {"message": {"content": {"text": "1. no"}}},
    ],
    ids=["refuses", "is cut off", "sends something else"],
)
def test_a_language_model_that_gives_no_translation_gives_none(body: dict[str, Any]) -> None:
    with (
        server(lambda handler, _: send(handler, json.dumps({"choices": [body]}).encode())) as url,
        pytest.raises(StepFailed, match=r"language model"),
    ):
        ask(url, ["one", "two", "three"])


@pytest.mark.usefixtures("quick")
def test_a_language_model_that_sends_parts_is_understood_and_one_that_drips_or_nests_is_left() -> None:
    parts = {"choices": [{"message": {"content": [{"type": "text", "text": "1. uno\x1b[31m"}]}}]}
    with server(lambda handler, _: send(handler, json.dumps(parts).encode())) as url:
        assert ask(url, ["one"]) == ["uno[31m"]
    with (
        server(lambda handler, _: send(handler, b"[" * 200_000)) as url,
        pytest.raises(StepFailed, match=r"127.0.0.1:\d+ failed: it did not answer"),
    ):
        ask(url, ["one"])

    def drips(handler: http.server.BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _number in range(100):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)

    began = time.monotonic()
    with server(drips) as url, pytest.raises(StepFailed, match="too long"):
        ask(url, ["one"], timeout_s=0.3)
    assert time.monotonic() - began < 4


@pytest.mark.usefixtures("quick")
def test_a_language_model_that_is_busy_is_asked_again_and_one_that_is_broken_is_left_alone() -> None:
    asked: list[float] = []

    def busy(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        asked.append(time.monotonic())
        if len(asked) < 3:
            send(handler, b"{}", 429, Retry_After="0")
        else:
            chat(handler, "1. HI")

    with server(busy) as url:
        assert ask(url, ["hi"]) == ["HI"]
    assert len(asked) == 3
    asked.clear()

    def broken(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        asked.append(time.monotonic())
        send(handler, b"oops", 500)

    with server(broken) as url:
        for _ in range(3):
            with pytest.raises(StepFailed, match="answered 500"):
                ask(url, ["hi"])
        count = len(asked)
        with pytest.raises(StepFailed, match="left alone"):
            ask(url, ["hi"])
        assert len(asked) == count


@pytest.mark.usefixtures("quick")
def test_a_language_model_that_says_nothing_refuses_or_sends_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str | None] = []

    def answer(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        keys.append(handler.headers.get("Authorization"))
        if handler.path.startswith("/slow"):
            time.sleep(1.0)
        elif handler.path.startswith("/denied"):
            send(handler, b"{}", 401)
        elif handler.path.startswith("/away"):
            send(handler, b"", 307, Location="/elsewhere/chat/completions")
        else:
            chat(handler, "")

    (tmp_path / "key").write_text("secret\n")
    with server(answer) as url:
        with pytest.raises(StepFailed, match="cannot be reached"):
            ask(url + "/slow", ["hi"], timeout_s=0.1)
        with pytest.raises(StepFailed, match="401"):
            ask(url + "/denied", ["hi"], key_file=str(tmp_path / "key"))
        assert keys[-1] == "Bearer secret"
        with pytest.raises(StepFailed, match="307"):
            ask(url + "/away", ["hi"], key_file=str(tmp_path / "key"))
        with pytest.raises(StepFailed, match="no usable translation"):
            ask(url + "/empty", ["hi"])
    with pytest.raises(StepFailed, match="cannot be read"):
        ask("http://127.0.0.1:1", ["hi"], key_file=str(tmp_path / "nokey"))
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(StepFailed, match="MY_KEY with the key is not set"):
        ask("http://127.0.0.1:1", ["hi"], key_variable="MY_KEY")


def test_what_was_translated_is_remembered_over_a_crash(tmp_path: Path) -> None:
    Memory(tmp_path / "m").put("k", ["a", "b"])
    with (tmp_path / "m").open("ab") as file:
        file.write(b'{"key":"x","te')
    memory = Memory(tmp_path / "m")
    assert memory.get("k") == ["a", "b"]
    memory.put("y", ["c"])
    assert Memory(tmp_path / "m").get("y") == ["c"]


def test_packages_that_are_damaged_or_climb_out_are_refused(tmp_path: Path) -> None:
    good = (ARGOS / "translate-en_es-0_1.argosmodel").read_bytes()
    for name, data in {
        "cut": good[: len(good) // 2],
        "empty": b"",
        "text": b"hello",
        "flip": good[:5000] + b"xxxx" + good[5004:],
    }.items():
        (tmp_path / f"{name}.argosmodel").write_bytes(data)
        with pytest.raises(ReframeError, match="damaged"):
            models.install(tmp_path / f"{name}.argosmodel", tmp_path / "models")
    for member in ("../../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "..\\evil.txt"):
        with zipfile.ZipFile(tmp_path / "climb.argosmodel", "w") as file:
            file.writestr(member, "x")
        with pytest.raises(ReframeError, match="outside its folder"):
            models.install(tmp_path / "climb.argosmodel", tmp_path / "models")
    with zipfile.ZipFile(tmp_path / "link.argosmodel", "w") as file:
        link = zipfile.ZipInfo("en_es/model")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc")
    with pytest.raises(ReframeError, match="links"):
        models.install(tmp_path / "link.argosmodel", tmp_path / "models")
    with zipfile.ZipFile(tmp_path / "poor.argosmodel", "w") as file:
        file.writestr("en_es/metadata.json", "{}")
    with pytest.raises(ReframeError, match="lacks what one needs"):
        models.install(tmp_path / "poor.argosmodel", tmp_path / "models")
    assert models.installed(tmp_path / "models") == []
    assert [path for path in (tmp_path / "models").rglob("*") if path.is_file()] == []
    assert not list(tmp_path.parent.rglob("evil.txt"))


def test_models_are_installed_once_and_removed(tmp_path: Path) -> None:
    before = models.state(tmp_path)
    (made,) = models.install(ARGOS / "translate-en_es-0_1.argosmodel", tmp_path)
    assert models.state(tmp_path) != before
    assert (made.engine, made.pair) == ("argos", "en-es")
    with pytest.raises(ReframeError, match="installed already"):
        models.install(ARGOS / "translate-en_es-0_1.argosmodel", tmp_path)
    with pytest.raises(ReframeError, match="did you mean"):
        models.remove("en-el", tmp_path)
    assert [item.pair for item in models.remove("en-es", tmp_path)] == ["en-es"]
    assert models.installed(tmp_path) == []
    with pytest.raises(ReframeError, match="holds no translation models"):
        models.install(tmp_path, tmp_path)


def test_the_newest_package_is_used_and_what_is_not_whole_can_be_mended(tmp_path: Path) -> None:
    archive = ARGOS / "translate-en_es-0_1.argosmodel"
    models.install(archive, tmp_path)
    old = argos.packages(tmp_path)[0].path
    newer = old.with_name("translate-en_es-1_10")
    shutil.copytree(old, newer)
    about = json.loads((newer / "metadata.json").read_text())
    (newer / "metadata.json").write_text(json.dumps(about | {"package_version": "1.10"}))
    assert [item.version for item in argos.packages(tmp_path)] == ["1.10"]
    shutil.copy(archive, old.parent / "dropped.argosmodel")
    assert len(models.remove("en-es", tmp_path)) == 3
    assert argos.packages(tmp_path) == []
    half = tmp_path / "translation" / "argos" / "translate-en_es-0_1"
    half.mkdir()
    models.install(archive, tmp_path)
    assert len(argos.packages(tmp_path)) == 1
    (half / "metadata.json").write_text(json.dumps(about | {"from_code": "../../x"}))
    assert argos.packages(tmp_path) == []
    models.remove("translate-en_es-0_1", tmp_path)
    assert not half.exists()
    (tmp_path / "translation" / "firefox" / "en-de").mkdir(parents=True)
    assert [item.pair for item in models.remove("en-de", tmp_path)] == ["en-de"]


def test_argos_packages_are_fetched_over_a_line_that_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {name: (ARGOS / f"translate-{name}-0_1.argosmodel").read_bytes() for name in ("es_en", "en_fr")}
    asked: list[str] = []

    def answer(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        asked.append(f"{handler.path} {handler.headers.get('Range')}")
        if handler.path == "/index.json":
            send(handler, json.dumps(index).encode())
        else:
            send_file(handler, data[handler.path[1:]], cut_at=100_000 if len(asked) < 4 else 0)

    with server(answer) as url:
        index = [
            {
                "type": "translate",
                "from_code": name[:2],
                "to_code": name[3:],
                "package_version": "1.9",
                "links": [f"{url}/{name}"],
            }
            for name in data
        ]
        monkeypatch.setenv("REFRAME_ARGOS_INDEX", f"{url}/index.json")
        heard: list[tuple[int, int]] = []
        made = models.fetch("argos:es-fr", tmp_path, lambda done, total: heard.append((done, total)))
        assert [item.pair for item in made] == ["es-en", "en-fr"]
        assert "/es_en bytes=100000-" in asked
        assert (len(data["es_en"]), len(data["es_en"])) in heard
        assert argos.Argos("es", "fr", Setup(tmp_path)).translate([PHRASES[0][1]]) == [PHRASES[0][2]]
        with pytest.raises(ReframeError, match="no model from es to zz"):
            models.fetch("argos:es-zz", tmp_path)
    with pytest.raises(ReframeError, match="cannot be fetched"):
        models.fetch("argos:fr-es", tmp_path)


@needs_firefox
def test_firefox_models_are_fetched_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    firefox_models(tmp_path / "there", "en-pt")
    files = {
        path.name: path.read_bytes() for path in (tmp_path / "there" / "translation" / "firefox" / "en-pt").iterdir()
    }
    spoil: list[str] = []

    def answer(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        if handler.path == "/v1/":
            send(handler, json.dumps({"capabilities": {"attachments": {"base_url": f"{url}/files/"}}}).encode())
        elif handler.path.endswith("/records"):
            send(handler, json.dumps({"data": records}).encode())
        else:
            name = handler.path.rpartition("/")[2]
            send_file(handler, b"x" * len(files[name]) if name in spoil else files[name])

    def record(name: str, version: str, **more: Any) -> dict[str, Any]:
        about = {
            "hash": hashlib.sha256(files[name]).hexdigest(),
            "size": len(files[name]),
            "filename": name,
            "location": f"m/{name}",
        }
        return {
            "name": name,
            "sourceLanguage": "en",
            "targetLanguage": "pt",
            "version": version,
            "attachment": about,
        } | more

    with server(answer) as url:
        records = [record(name, "2.0") for name in files] + [record(name, "3.0a1") for name in files]
        monkeypatch.setenv("REFRAME_FIREFOX_INDEX", f"{url}/v1/buckets/main/collections/x/records")
        spoil.append(next(name for name in files if name.startswith("vocab")))
        with pytest.raises(ReframeError, match="not what was announced"):
            models.fetch("en-pt", tmp_path / "m")
        assert models.installed(tmp_path / "m") == []
        spoil.clear()
        (made,) = models.fetch("en-pt", tmp_path / "m")
        assert sorted(path.name for path in made.path.iterdir()) == sorted(files)
        assert Firefox("en", "pt", tmp_path / "m").translate(["Good morning."]) == ["Bom dia."]
        assert models.fetch("en-pt", tmp_path / "m") == [made]


def test_a_download_says_why_it_failed(tmp_path: Path) -> None:
    def answer(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        if handler.path == "/short":
            send_file(handler, b"x" * 10)
        else:
            send(handler, b"no", 404)

    with server(answer) as url:
        with pytest.raises(ReframeError, match="404"):
            download.file(f"{url}/gone", tmp_path / "a")
        with pytest.raises(ReframeError, match="not what was announced"):
            download.file(f"{url}/short", tmp_path / "b", 10, "00")
        download.file(f"{url}/short", tmp_path / "c")
        assert (tmp_path / "c").read_bytes() == b"x" * 10
    assert not [path for path in tmp_path.iterdir() if path.name.endswith("partial")]
    with pytest.raises(ReframeError, match="no web address"):
        download.file("file:///etc/passwd", tmp_path / "d")
    shutil.rmtree(tmp_path)
