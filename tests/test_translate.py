"""The recipe `translate` through the daemon: speech and subtitles in, other languages out, models that come later."""

import http.server
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from reframed.subtitles import files
from reframed.translation import models
from tests.conftest import SAMPLE, Home, wait_for
from tests.test_translation import numbered
from tests.translationlab import ARGOS, HAS_FIREFOX, NO_FIREFOX, PHRASES, chat, firefox_models, send, server

pytestmark = pytest.mark.slow


def recipe(home: Home, **options: Any) -> None:
    """An own recipe `translate`, and an inbox for it."""
    folder = home.folder / "recipes"
    folder.mkdir(exist_ok=True)
    content = {
        "match": {"kinds": ["video", "audio", "subtitles"]},
        "steps": ["transcribe", {"captions": {"formats": ["srt"]}}, {"translate": options}],
    }
    (folder / "translate.yaml").write_text(yaml.safe_dump(content))
    more = {"llm": options.pop("server")} if "server" in options else {}
    if more:
        content["steps"][2] = {"translate": options}  # type: ignore[index]
        (folder / "translate.yaml").write_text(yaml.safe_dump(content))
    home.configure(inbox={"recipe": "translate", "sidecar_grace": 0.5}, recipes="recipes", offline=not more, **more)


def subtitles(path: Path, *texts: str, pace_s: int = 3) -> None:
    """An SRT of these texts."""
    clock = "00:{:02d}:{:02d},000".format
    lines = [
        f"{number}\n{clock(*divmod(number * pace_s, 60))} --> {clock(*divmod(number * pace_s + pace_s - 1, 60))}\n{text}\n"
        for number, text in enumerate(texts)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def read(home: Home, name: str) -> list[str]:
    return [cue.text for cue in files.read(home.outbox / name)]


@pytest.mark.skipif(not HAS_FIREFOX, reason=NO_FIREFOX)
def test_one_drop_gives_captions_a_translation_and_both(home: Home) -> None:
    recipe(home, to=["pt"], bilingual=True, report=True)
    firefox_models(home.state / "models", "en-pt")
    home.start()
    shutil.copy(SAMPLE, home.inbox / "it's: 1961.mp4")
    job = home.ended()[0]
    assert job["state"] == "done", job
    names = ("en-pt.ass", "en-pt.srt", "en.srt", "pt.report.json", "pt.report.txt", "pt.srt")
    assert home.outputs() == [f"it's: 1961.{name}" for name in names]
    source, made = (files.read(home.outbox / f"it's: 1961.{tag}.srt") for tag in ("en", "pt"))
    assert [(cue.start, cue.end) for cue in source] == [(cue.start, cue.end) for cue in made]
    assert "país" in " ".join(cue.text for cue in made)
    both = read(home, "it's: 1961.en-pt.srt")
    assert [text.split("\n")[0] for text in both] == [cue.text.split("\n")[0] for cue in source]
    assert "Style: Original" in (home.outbox / "it's: 1961.en-pt.ass").read_text()
    report = json.loads((home.outbox / "it's: 1961.pt.report.json").read_text())
    assert (report["engine"], report["route"], report["cues"]) == ("firefox", ["en", "pt"], len(made))


def test_a_missing_pair_waits_for_its_model(home: Home) -> None:
    recipe(home, to=["es"])
    home.start()
    subtitles(home.inbox / "film.en.srt", PHRASES[0][0], PHRASES[1][0])
    wait_for(lambda: home.jobs() and home.jobs()[0]["state"] == "blocked", 30)
    job = home.job()
    assert "No model here translates en into es" in job["reason"]
    assert "reframe models fetch en-es" in job["hint"]
    needs = home.run("models", "need", "translate", check=False)
    assert needs.returncode == 1
    assert "LACK" in needs.stdout
    assert "translation" in home.run("doctor", check=False).stdout
    home.run("models", "install", str(ARGOS / "translate-en_es-0_1.argosmodel"))
    assert "here from en" in home.run("models", "need", "translate").stdout
    assert home.ended(timeout_s=80)[0]["state"] == "done"
    assert home.outputs() == ["film.es.srt"]
    assert read(home, "film.es.srt") == [PHRASES[0][1], PHRASES[1][1]]
    notes = [event for event in home.job()["events"] if event["code"] == "no_model"]
    assert len(notes) == 1


def test_subtitles_of_every_kind_are_translated_as_they_are(home: Home) -> None:
    recipe(home, to=["es", "en"], engine="argos")
    models.install(ARGOS, home.state / "models")
    hello, bye = PHRASES[0], PHRASES[4]
    (home.inbox / "a.en.vtt").write_text(
        f"WEBVTT\n\nNOTE kept\n\n00:01.000 --> 00:02.000 line:10%\n<i>{hello[0]}</i>\n\n00:03.000 --> 00:04.000\n{bye[0]}\n"
    )
    (home.inbox / "b.en.ass").write_text(
        "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Sign,Impact\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        f"Dialogue: 0,0:00:01.00,0:00:02.00,Sign,,0,0,0,,{{\\pos(9,9)}}{hello[0]}\n"
    )
    bom = f"\ufeff9\r\n00:00:05,000 --> 00:00:06,000\r\n{bye[0]}\r\n\r\n"
    bom += f"x\r\n00:00:01,000 --> 00:00:02,000\r\n{hello[0]}\r\n"
    (home.inbox / "c.en.srt").write_bytes(bom.encode())
    (home.inbox / "d.es.srt").write_bytes(f"1\n00:00:01,000 --> 00:00:02,000\n{PHRASES[2][1]}\n".encode("cp1252"))
    (home.inbox / "e.srt").write_text("not subtitles at all")
    (home.inbox / "f.srt").write_text("")
    home.start()
    jobs = {job["name"]: job for job in home.ended(6, timeout_s=90)}
    states = {name[0]: job["state"] for name, job in jobs.items()}
    assert states == {"a": "done", "b": "done", "c": "done", "d": "done", "e": "failed", "f": "failed"}
    vtt = (home.outbox / "a.es.vtt").read_text()
    assert "NOTE kept" in vtt
    assert f"00:01.000 --> 00:02.000 line:10%\n<i>{hello[1]}</i>" in vtt
    assert f"Sign,,0,0,0,,{{\\pos(9,9)}}{hello[1]}" in (home.outbox / "b.es.ass").read_text()
    assert read(home, "c.es.srt") == [bye[1], hello[1]]  # in the file's order
    assert read(home, "d.en.srt") == [PHRASES[2][0]]
    assert not (home.outbox / "d.es.srt").exists()


def test_subtitles_that_came_with_a_video_are_translated_with_it(home: Home) -> None:
    recipe(home, to=["es"], engine="argos")
    models.install(ARGOS, home.state / "models")
    home.start()
    subtitles(home.inbox / "talk.en.srt", PHRASES[0][0])
    shutil.copy(SAMPLE, home.folder / "inbox" / ".talk.mp4")
    (home.folder / "inbox" / ".talk.mp4").rename(home.inbox / "talk.mp4")
    assert [job["name"] for job in home.ended()] == ["talk.mp4"]
    assert read(home, "talk.es.srt") == [PHRASES[0][1]]


def test_a_language_model_translates_and_an_offline_engine_takes_over(home: Home) -> None:
    mended: list[bool] = []

    def answer(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        if "Good" in str(body) and not mended:
            send(handler, b"{}", 400)
        else:
            chat(handler, "\n".join(f"{n}. ¡{text}!" for n, text in enumerate(numbered(handler, body), 1)))

    with server(answer) as url:
        recipe(home, to=["es"], engine="llm", server={"url": f"{url}/v1", "model": "m"})
        models.install(ARGOS, home.state / "models")
        home.start()
        subtitles(home.inbox / "a.en.srt", "Hello.", "Bye.")
        home.ended()
        assert read(home, "a.es.srt") == ["¡Hello.!", "¡Bye.!"]
        subtitles(home.inbox / "b.en.srt", "Good morning.", "Good night.")
        home.ended(2)
        assert read(home, "b.es.srt") == ["Buenos días.", "Buenas noches."]
        mended.append(True)  # what a stand-in made is for that job alone
        subtitles(home.inbox / "c.en.srt", "Good morning.", "Good night.")
        home.ended(3)
        assert read(home, "c.es.srt") == ["¡Good morning.!", "¡Good night.!"]
    events = [event["text"] for event in home.job(2)["events"]]
    assert any("argos translates the rest instead of llm" in text for text in events), events


def test_what_cannot_be_is_said_before_anything_runs(home: Home) -> None:
    recipe(home, to=["es", "xx", "es"], engine="llm")
    said = home.run("check", check=False)
    assert said.returncode != 0
    for part in ("offline: true", 'no language "xx"', "names one language twice"):
        assert part in said.stdout + said.stderr
    recipe(home, to=["es-../../x", "pt_BR", "pt-br"])
    said = home.run("check", check=False)
    for part in ("no language tag", "names one language twice"):
        assert part in said.stdout + said.stderr
    home.configure(llm={"url": "http://me:secret@x", "model": "m"})
    assert "holds a user or password" in home.run("check", check=False).stdout
    home.configure(llm={"url": "ftp://x", "model": "m", "key": "sk-123"})
    said = home.run("check", check=False)
    assert "must begin with http" in said.stdout + said.stderr or "unknown option" in said.stdout + said.stderr
    home.configure()
    assert "did you mean" in home.run("models", "need", "translat", check=False).stderr
    assert "forbids fetching" in home.run("models", "fetch", "en-es", check=False).stderr


def test_a_translation_that_is_killed_goes_on_where_it_was(home: Home) -> None:
    recipe(home, to=["es"], engine="argos")
    models.install(ARGOS, home.state / "models")
    home.start()
    phrases = [row[0] for row in PHRASES] * 60
    lines = [f"{n}\n{clock(n * 2)} --> {clock(n * 2 + 1)}\n{text}\n" for n, text in enumerate(phrases)]
    (home.inbox / "long.en.srt").write_text("\n".join(lines))
    kept = home.state / "kept"
    wait_for(lambda: [path for path in kept.rglob("translated.jsonl") if path.stat().st_size > 5000], 60, 0.01)
    assert home.daemon is not None
    home.daemon.kill()
    home.daemon.wait()
    done = sum(path.read_bytes().count(b'"key"') for path in kept.rglob("translated.jsonl"))
    assert done
    home.daemon = None
    home.start()
    assert home.ended(timeout_s=120)[0]["state"] == "done"
    assert len(read(home, "long.es.srt")) == len(phrases)
    assert [text.replace("\n", " ") for text in read(home, "long.es.srt")[:79]] == [row[1] for row in PHRASES]


def clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d},000"
