"""Editing captions: every change and its undoing, and what a daemon makes of the result."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from docs.picture import CUES, fill
from reframed import commands
from reframed.errors import ReframeError
from reframed.speech.words import Word
from reframed.subtitles import files, profiles
from reframed.subtitles.cues import Cue
from tests.conftest import SAMPLE, Home, wait_for
from tests.test_tui import drive, posted, shows
from tui import transcript
from tui.app import Dashboard, Services
from tui.cues import CueTable
from tui.editor import Editor

EN = profiles.profile("netflix", "en")


def spoken(start: float, *texts: str) -> Cue:
    """A cue with a word every half second."""
    words = tuple(Word(start + 0.5 * n, start + 0.5 * n + 0.4, text) for n, text in enumerate(texts))
    return Cue(start, start + 0.5 * len(texts), " ".join(texts), words)


def test_text_split_and_join_keep_the_times_of_words() -> None:
    table = CueTable([spoken(1.0, "one", "two", "three", "four"), spoken(4.0, "five", "six")], EN)
    table.set_text(0, "One two three four.")
    assert [word.text for word in table[0].words] == ["One", "two", "three", "four."]
    assert table.split(0, len("One two "))
    assert [cue.text for cue in table.cues] == ["One two", "three four.", "five six"]
    assert (table[0].end, table[1].start) == (2.0 - EN.min_gap_s, 2.0)
    assert [word.text for word in table[1].words] == ["three", "four."]
    assert table.join(0)
    assert (table[0].text, table[0].start, table[0].end) == ("One two three four.", 1.0, 3.0)
    assert len(table[0].words) == 4
    assert not table.join(1)
    table.set_text(0, "shorter")
    assert not table[0].words
    assert not table.split(0, 0)
    assert table.split(0, 3)
    assert [cue.text for cue in table.cues[:2]] == ["sho", "rter"]
    while table.undo():
        pass
    assert table.cues == (spoken(1.0, "one", "two", "three", "four"), spoken(4.0, "five", "six"))
    assert not table.is_changed
    assert table.redo()
    assert table[0].text == "One two three four."


def test_times_move_and_never_turn_around() -> None:
    table = CueTable([Cue(1.0, 2.0, "a"), Cue(3.0, 4.0, "b"), Cue(5.0, 6.0, "c")], EN)
    assert table.move(0, 0.5) == 0
    assert (table[0].start, table[0].end) == (1.5, 2.5)
    assert table.move(0, 0.5, end=False) == 0
    assert table.move(0, 0.5, end=False) is None
    assert table.move(0, -9) is None
    assert table.shift_from(1, 1.5) == 1
    assert [cue.start for cue in table.cues] == [2.0, 4.5, 6.5]
    assert table.shift_from(1, -9) is None
    assert table.insert(0) == 1
    assert (table[1].start, table[1].text) == (2.5 + EN.min_gap_s, "")
    assert table.faults() == ["cue 2 has no text"]
    table.delete(1)
    assert table.faults() == []
    assert table.find("C", 0, forwards=True) == 2
    assert table.find("a", 0, forwards=False) == 0
    assert table.find("zzz", 0, forwards=True) is None


def test_faults_are_found_one_after_the_other() -> None:
    table = CueTable(CUES, EN)
    assert {breach.rule for breach in table.breaches(1)} >= {"duration_min", "line_length", "reading_speed"}
    assert table.breaches(0) == []
    assert table.next_breach(1) == 1
    empty = CueTable([], EN)
    assert empty.next_breach(0) is None
    assert empty.insert(0) == 0


def test_a_hundred_thousand_cues_are_edited_at_once() -> None:
    table = CueTable([Cue(2.0 * n, 2.0 * n + 1.5, f"line {n}") for n in range(100_000)], EN)
    table.set_text(99_999, "x")
    assert table.breaches(99_998) == []
    assert table.find("line 77777", 0, forwards=True) == 77_777


def test_the_editor_by_its_keys(tmp_path: Path) -> None:
    fill(tmp_path)

    async def steps(pilot: Pilot[None]) -> None:
        await shows(pilot, "drone")
        await pilot.press("j", "j", "e")
        await shows(pilot, "When I was a girl", "keeps all rules")
        await pilot.press("w")
        await shows(pilot, "nothing was changed")
        await pilot.press("exclamation_mark", "s")
        await pilot.press("home", *["right"] * len("We had a radio, and "), "enter")
        await shows(pilot, "* Captions", "3", "on Sundays the whole street came | to listen.")
        await pilot.press("j", "J", "u", "k", "e", "ctrl+u", *"Radio|only", "enter")
        await shows(pilot, "Radio | only")
        await pilot.press("greater_than_sign", "right_square_bracket", "left_curly_bracket", "less_than_sign")
        await pilot.press("S", *"1.5s", "enter", "S", *"soon", "enter")
        await shows(pilot, "is not a duration")
        await pilot.press("slash", *"winters", "enter")
        await shows(pilot, "5 ")
        await pilot.press("n", "N", "d")
        await shows(pilot, "deleted; u brings it back")
        await pilot.press("u", "U", "u", "a", *"And then?", "enter", "question_mark")
        await shows(pilot, "ever written over")
        await pilot.press("escape", "q")
        await shows(pilot, "Leave without saving?")
        await pilot.press("n", "escape", "enter", "escape", "n")
        assert isinstance(pilot.app.screen, Editor)
        await pilot.press("w")
        await shows(pilot, "recaption 4")

    drive(tmp_path, steps)
    assert posted(tmp_path) == [("recaption", {"jobs": [4], "language": "en", "format": "srt"})]
    saved = tmp_path / "saved.srt"
    shutil.copy(next((tmp_path / "commands").glob("*.payload")), saved)
    texts = [cue.text for cue in files.read(saved)]
    assert texts[1] == "Radio\nonly"
    assert "And then?" in texts
    assert len(texts) == len(CUES) + 2


def test_captions_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    fill(tmp_path)
    shutil.rmtree(tmp_path / "cache")

    async def steps(pilot: Pilot[None]) -> None:
        await shows(pilot, "drone")
        await pilot.press("j", "j", "e")
        await shows(pilot, "cannot be read")
        await pilot.press(
            "w", "e", "s", "J", "a", "d", "S", "exclamation_mark", "n", "greater_than_sign", "u", "escape"
        )
        await pilot.press("t")
        await shows(pilot, "cannot be read")

    drive(tmp_path, steps, (120, 30))


@pytest.mark.slow
def test_edited_captions_become_the_users_own_and_the_job_goes_on_from_them(home: Home) -> None:
    (home.inbox / "sub").mkdir()
    shutil.copy(SAMPLE, home.inbox / "sub" / "it's [1].mp4")
    home.start()
    home.ended()
    done = home.inbox / "done" / "sub"

    async def edit() -> None:
        app = Dashboard(home.state)
        async with app.run_test(size=(100, 30)) as pilot:
            await shows(pilot, "✓ done")
            await pilot.press("e")
            await shows(pilot, "ask not what your country")
            await pilot.press("e", "ctrl+u", *"Dear fellow Americans,", "enter", "w")
            await shows(pilot, "✓ done", "attempt 2")

    asyncio.run(edit())
    own = done / "it's [1].en.vtt"
    assert "<" in own.read_text()  # with the times of the words that stayed
    assert files.read(own)[0].text == "Dear fellow Americans,"
    made = home.outbox / "sub" / "it's [1] (2).en.srt"
    assert files.read(made)[0].text == "Dear fellow Americans,"
    assert "Dear" not in (home.outbox / "sub" / "it's [1].en.srt").read_text()
    mine = home.folder / "mine.en.srt"
    mine.write_text("1\n00:00:01,000 --> 00:00:02,000\nWholly mine\n")
    for _ in range(2):  # saying it twice makes nothing twice
        assert "starts again" in home.run("recaption", "1", str(mine)).stdout
        wait_for(lambda: home.job()["state"] == "done")
    assert sorted(path.name for path in done.iterdir()) == ["it's [1].en.srt", "it's [1].en.vtt", "it's [1].mp4"]
    assert "Wholly mine" in (home.outbox / "sub" / "it's [1] (3).en.srt").read_text()
    (done / "it's [1].en.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nCorrected by hand\n")
    home.run("recaption", "1", str(mine))
    wait_for(lambda: home.job()["state"] == "done")
    assert "Corrected by hand" in (done / "it's [1].en.srt").read_text()
    assert "Wholly mine" in (done / "it's [1].edited.en.srt").read_text()
    for arguments, wanted in (
        (["recaption", "9", str(mine)], "no job 9"),
        (["recaption", "1", str(SAMPLE)], "subtitles"),
        (["recaption", "1", str(mine), "--language", "../x"], "no language tag"),
        (["restyle", "1", "neon"], "has no step styled"),
        (["restyle", "1", "neonn"], "did you mean"),
    ):
        refused = home.run(*arguments, check=False)
        assert refused.returncode == 1, arguments
        assert wanted in refused.stderr, arguments
    assert not list((home.state / "commands").iterdir())


@pytest.mark.slow
def test_another_style_is_rendered_beside_the_first(home: Home) -> None:
    recipes = home.folder / "recipes"
    recipes.mkdir()
    (recipes / "quick.yaml").write_text(
        "about: x\nmatch: {kinds: [video]}\nsteps:\n  - transcribe: {}\n  - styled: {style: clean, ass_only: true}\n"
    )
    home.configure({"recipe": "quick"}, recipes="recipes")
    shutil.copy(SAMPLE, home.inbox / "a.mp4")
    home.start()
    home.ended()

    async def choose() -> None:
        services = Services(styles=lambda: [("clean", ""), ("neon", "")], still=lambda name, path: None)
        app = Dashboard(home.state, services=services)
        async with app.run_test(size=(100, 30)) as pilot:
            await shows(pilot, "✓ done")
            await pilot.press("s")
            await shows(pilot, "neon")
            await pilot.press("j", "enter")
            await shows(pilot, "✓ done", "attempt 2")

    asyncio.run(choose())
    names = home.outputs()
    assert any(".neon." in name for name in names), names
    assert any(".clean." in name for name in names), names


def test_a_payload_is_its_authors_and_strays_are_found(tmp_path: Path) -> None:
    commands.post(tmp_path, "recaption", {"jobs": [1]}, b"x" * 10)
    found = [item for item in commands.pending(tmp_path) if isinstance(item, commands.Command)]
    assert len(found) == 1
    assert commands.payload(found[0]) == b"x" * 10
    path = commands.payload_path(found[0].path)
    assert commands.stray_payloads(tmp_path, 1e12) == []
    with pytest.raises(ReframeError, match="not its author's"):
        commands.payload(found[0]._replace(author_uid=os.getuid() + 1))
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(ReframeError, match="cannot be read"):
        commands.payload(found[0])
    found[0].path.unlink()
    assert commands.stray_payloads(tmp_path, 1e12) == [path]
    with pytest.raises(ReframeError, match="too much"):
        commands.post(tmp_path, "recaption", {}, b"x" * (commands.PAYLOAD_MAX_BYTES + 1))


def test_a_published_copy_is_read_when_the_cache_is_empty(tmp_path: Path) -> None:
    fill(tmp_path)
    shutil.rmtree(tmp_path / "cache")
    published = tmp_path / "x.en.srt"
    files.write(CUES, published, "srt")
    job: dict[str, Any] = {"id": 4, "outputs": [{"path": os.fsencode(published)}]}
    assert transcript.load(tmp_path, job).cues[0].text == CUES[0].text


def test_nothing_typed_is_lost_or_lands_elsewhere(tmp_path: Path) -> None:
    fill(tmp_path)

    async def steps(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await shows(pilot, "drone")
        await pilot.press("j", "j", "e")
        await shows(pilot, "When I was a girl")
        editor = app.screen_stack[-1]
        assert isinstance(editor, Editor)
        await pilot.press("e", "X", "down", "pagedown", "ctrl+r", "enter")  # keys of the list mean nothing while typing
        assert editor.table is not None
        assert editor.table[0].text.endswith("television.X")
        assert editor.table[1].text == CUES[1].text
        await pilot.press("q")
        await shows(pilot, "Leave without saving?")
        await pilot.press("e", "Y", "enter", "y")  # the question was withdrawn
        assert len(app.screen_stack) == 2
        for odd in ("nan", "inf", "-inf", "1e999"):
            await pilot.press("S", *odd, "enter")
            await shows(pilot, "is not a duration")
        await pilot.press(*["greater_than_sign"] * 40)
        assert editor.table[editor.cue_list.cursor].text.endswith("XY")
        await app.action_quit()
        await shows(pilot, "Leave without saving?")
        commands_folder = tmp_path / "commands"
        shutil.rmtree(commands_folder, ignore_errors=True)
        commands_folder.write_text("in the way")
        await pilot.press("n", "w")
        await shows(pilot, "not saved: The command could not be left")
        commands_folder.unlink()
        await pilot.press("e", *"ZZ", "ctrl+s")  # with what is being typed
        await shows(pilot, "recaption 4")

    drive(tmp_path, steps, (120, 30))
    text = next((tmp_path / "commands").glob("*.payload")).read_text()
    assert "XYZZ" in text


def test_captions_cannot_command_a_terminal(tmp_path: Path) -> None:
    table = CueTable([Cue(1, 2, "a\x1b]0;owned\x07 \x9b31mred\nb")], EN)
    assert table[0].text == "a]0;owned 31mred\nb"
    table.set_text(0, "x\x1b[2J")
    assert table[0].text == "x[2J"
    table.delete(0)
    assert table.faults() == ["there are no cues"]


@pytest.mark.slow
def test_refused_captions_are_kept(home: Home) -> None:
    shutil.copy(SAMPLE, home.inbox / "a.mp4")
    home.start()
    home.ended()
    mine = home.folder / "mine.en.srt"
    mine.write_text("1\n00:00:01,000 --> 00:00:02,000\nMine\n")
    commands.post(home.state, "recaption", {"jobs": [1], "format": "srt"}, b"not subtitles")
    wait_for(lambda: list((home.state / "refused").glob("*")) if (home.state / "refused").exists() else None)
    assert home.job()["state"] == "done"
    shutil.rmtree(home.state / "work")  # stands for a disk that takes nothing
    unsaved = home.run("recaption", "1", str(mine), check=False)
    assert "were not saved" in unsaved.stderr
    assert "are kept as" in unsaved.stderr
    (home.state / "work").mkdir()
    (home.inbox / "done" / "a.mp4").rename(home.folder / "elsewhere.mp4")
    refused = home.run("recaption", "1", str(mine), check=False)
    assert refused.returncode == 1
    assert "not there any more" in refused.stderr
    assert "are kept as" in refused.stderr
    assert "Mine" in "".join(path.read_text() for path in (home.state / "refused").iterdir())
