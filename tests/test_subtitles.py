"""Words to cues to files, and the rules."""

import random
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from reframed.errors import ReframeError, UsageError
from reframed.speech.words import Span, Transcript, Word
from reframed.subtitles import files, given, layout, profiles, report, retime, rules
from reframed.subtitles.breaks import Break, between
from reframed.subtitles.cues import Cue

NETFLIX = profiles.profile("netflix", "en")
PROSE = (
    "In the beginning, there was a very long sentence that went on and on without any hint of ever ending, and nobody in "
    "the room knew what to do about it. He looked at her. She laughed! Mr. John Dashwood had then leisure to consider how "
    "much there might be prudently in his power to do for them. Why? Because the house, which stood on a hill, was cold."
)


def speak(text: str, pace_s: float = 0.3, start_s: float = 0.0) -> list[Word]:
    """Words at an even pace."""
    return [Word(start_s + i * pace_s, start_s + (i + 1) * pace_s, word) for i, word in enumerate(text.split())]


def chatter(seed: int) -> list[Word]:
    """Words as people say them: of all lengths, with pauses of all lengths."""
    chance, at, words = random.Random(seed), 0.0, []
    for text in PROSE.split() * 3:
        at += chance.choice([0, 0, 0, 0, 0.05, 0.3, 1.0, 4.0])
        end = at + chance.uniform(0.05, 0.09) * len(text) + 0.08
        words.append(Word(at, end, text, chance.random()))
        at = end
    return words


@pytest.mark.parametrize("name", profiles.NAMES)
@pytest.mark.parametrize("seed", range(8))
def test_every_word_once_and_every_rule_of_time_and_space_kept(name: str, seed: int) -> None:
    rules_of, words = profiles.profile(name, "en"), chatter(seed)
    cues = layout.build(words, rules_of)
    assert " ".join(cue.text for cue in cues).replace("\n", " ").split() == [word.text for word in words]
    broken = {breach.rule for breach in rules.check(cues, rules_of)}
    assert broken <= {"reading_speed", "break"}
    assert all(abs(cue.start - cue.words[0].start) <= 0.5 for cue in cues)
    made = report.examine(cues, rules_of)
    speed = next(kept.share for kept in made.rules if kept.rule == "reading_speed")
    assert speed >= 0.85  # this speaker says up to 20 characters a second


def test_breaks_are_where_a_reader_wants_them() -> None:
    cues = layout.build(speak(PROSE), NETFLIX)
    assert not [breach for breach in rules.check(cues, NETFLIX) if breach.rule == "break"]
    lines = [line for cue in cues for line in cue.lines]
    assert all(line.split()[-1] not in {"the", "a", "Mr.", "John", "his", "was"} for line in lines)
    two = [cue.lines for cue in cues if len(cue.lines) == 2]
    assert two
    assert sum(len(upper) <= len(lower) for upper, lower in two) >= len(two) / 2


def test_sentences_with_pauses_are_cues_of_their_own() -> None:
    words = speak("One two three.") + speak("Three four five", start_s=2.0) + speak("six seven", start_s=6.0)
    assert [cue.text for cue in layout.build(words, NETFLIX)] == ["One two three.", "Three four five", "six seven"]


def test_a_short_cue_stays_long_enough_but_never_over_the_next() -> None:
    cues = layout.build([Word(0, 0.1, "Hi."), Word(3, 3.1, "You."), Word(8, 8.4, "There.")], NETFLIX)
    assert [round(cue.length, 2) for cue in cues] == [0.83, 0.83, 0.83]
    close = layout.build(speak("One two three four.") + speak("Five six seven eight nine.", start_s=1.4), NETFLIX)
    assert all(round(two.start - one.end, 3) == NETFLIX.min_gap_s for one, two in pairwise(close))


def test_another_voice_or_language_starts_another_cue() -> None:
    words = [
        *speak("Are you there", 0.5),
        *[Word(1.5 + i * 0.5, 2 + i * 0.5, t, speaker="B") for i, t in enumerate(["Yes", "I", "am"])],
    ]
    assert [cue.text for cue in layout.build(words, NETFLIX)] == ["Are you there", "Yes I am"]


def test_cues_snap_to_a_cut_in_the_picture() -> None:
    plain = layout.build(speak("Look at that over there.", start_s=2.0), NETFLIX)
    snapped = layout.build(speak("Look at that over there.", start_s=2.0), NETFLIX, shots=[1.9, 30.0])
    assert (plain[0].start, snapped[0].start) == (2.0, 1.9)


def test_a_word_wider_than_the_line_is_cut_and_not_lost() -> None:
    url = "https://example.org/" + "x" * 70
    cues = layout.build([Word(0, 3, "See"), Word(3, 6, url), Word(6, 7, "now.")], NETFLIX)
    assert not [breach for breach in rules.check(cues, NETFLIX) if breach.rule in ("line_length", "lines")]
    assert url in "".join("".join(cue.lines) for cue in cues)


def test_knobs_change_the_layout() -> None:
    import msgspec

    few = msgspec.structs.replace(NETFLIX, max_words_per_line=2, max_lines=1)
    assert all(len(cue.text.split()) <= 2 for cue in layout.build(speak(PROSE), few))
    short = msgspec.structs.replace(NETFLIX, max_duration_s=2.0)
    assert all(cue.length <= 2.001 for cue in layout.build(speak(PROSE), short))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ja", "今日はとても天気がいいので、私たちは公園へ散歩に行くことにしました。「行きましょう」と彼女は言った。"),
        ("zh", "今天天气很好,所以我们决定去公园散步。他说:「我们走吧」,然后就出发了。"),
        ("th", "วันนี้อากาศดีมากเราจึงตัดสินใจไปเดินเล่นที่สวนสาธารณะด้วยกันในตอนบ่าย"),
    ],
)
def test_scripts_without_spaces_break_by_phrase_and_kinsoku(language: str, text: str) -> None:
    rules_of = profiles.profile("netflix", language)
    words = [Word(i * 0.22, (i + 1) * 0.22, char) for i, char in enumerate(text)]
    cues = layout.build(words, rules_of)
    assert "".join(cue.text.replace("\n", "") for cue in cues) == text
    lines = [line for cue in cues for line in cue.lines]
    assert len(lines) > 1
    assert all(line[0] not in "。、,」" and line[-1] != "「" for line in lines)
    assert not [breach for breach in rules.check(cues, rules_of) if breach.rule == "line_length"]


def test_half_width_counts_half_in_chinese_and_marks_count_nothing() -> None:
    from reframed.subtitles.width import width

    assert width("iPhone手机", True) == 5.0
    assert width("กี่", False) == 1.0


def test_right_to_left_text_keeps_its_logical_order() -> None:
    text = "مرحبا بكم في هذا البرنامج الجديد، اليوم سوف نتحدث عن تاريخ المدينة القديمة وأهلها."
    cues = layout.build(speak(text), profiles.profile("netflix", "ar"))
    assert " ".join(" ".join(cue.lines) for cue in cues) == text
    assert all("\u202b" not in cue.text for cue in cues)


@pytest.mark.parametrize(
    ("left", "right", "language", "kind"),
    [
        ("the", "house", "en", Break.FORBIDDEN),
        ("has", "gone", "en", Break.FORBIDDEN),
        ("John", "Dashwood", "en", Break.FORBIDDEN),
        ("house", "and", "en", Break.BEFORE_JOINT),
        ("of", "gold", "en", Break.AFTER_JOINT),
        ("gone,", "he", "en", Break.CLAUSE),
        ("gone.", "He", "en", Break.SENTENCE),
        ("Mr.", "Dashwood", "en", Break.FORBIDDEN),
        ("la", "ciudad", "es", Break.FORBIDDEN),
        ("der", "Fluss", "de", Break.FORBIDDEN),
        ("Fluss", "Stadt", "de", Break.PLAIN),
        ("the", "house", "xx", Break.PLAIN),
    ],
)
def test_how_good_a_break_is(left: str, right: str, language: str, kind: Break) -> None:
    assert between(left, right, language) is kind


def test_lines_are_balanced_and_break_after_a_comma() -> None:
    assert layout.break_lines("a" * 10, NETFLIX) == "a" * 10
    long = layout.break_lines("a word or another " * 150, NETFLIX).split("\n")
    assert " ".join(long).split() == ("a word or another " * 150).split()
    assert max(map(len, long)) <= 42
    assert len(long) < 80
    broken = layout.break_lines("when the rain had stopped, they went out to look", NETFLIX)
    assert broken.split("\n")[0] == "when the rain had stopped,"


def test_files_round_trip(tmp_path: Path) -> None:
    cues = [Cue(0.5, 2.0, "Über 1 < 2\nзвук & more", speaker="Anna"), Cue(2.04, 3601.5, "字幕")]
    for format_ in files.READABLE:
        path = tmp_path / f"x.{format_}"
        files.write(cues, path, format_)
        data = path.read_bytes()
        assert b"\r" not in data
        assert not data.startswith(b"\xef\xbb\xbf")
        read = files.read(path)
        assert [(cue.start, cue.end) for cue in read] == [(0.5, 2.0), (2.04, 3601.5)], format_
        assert read[1].text == "字幕"
        if format_ in ("srt", "vtt", "ass"):
            assert read[0].text == "Über 1 < 2\nзвук & more", format_
        if format_ in ("vtt", "ass"):
            assert read[0].speaker == "Anna"
    files.write(cues, tmp_path / "x.txt", "txt")
    assert (tmp_path / "x.txt").read_text() == "Über 1 < 2 звук & more字幕\n"


def test_word_times_in_webvtt_and_words_in_json(tmp_path: Path) -> None:
    import json

    cues = layout.build([Word(1, 1.5, "R&B", 0.9), Word(1.5, 2.5, "rules.", 0.4)], NETFLIX)
    files.write(cues, tmp_path / "x.vtt", "vtt", word_times=True)
    assert "R&amp;B <00:00:01.500><c>rules.</c>" in (tmp_path / "x.vtt").read_text()
    assert files.read(tmp_path / "x.vtt")[0].text == "R&B rules."
    files.write(cues, tmp_path / "x.json", "json", language="en")
    data = json.loads((tmp_path / "x.json").read_text())
    assert data["cues"][0]["words"][1] == {"start": 1.5, "end": 2.5, "text": "rules.", "probability": 0.4}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1251", "shift_jis"])
def test_subtitles_in_any_encoding(encoding: str, tmp_path: Path) -> None:
    texts = {
        "cp1251": "Привет, как твои дела? Мы давно не виделись, друг мой.",
        "shift_jis": "今日はとても天気がいいですね。",
    }
    text = texts.get(encoding, "Où est le café? C'était là, près de l'hôtel. Müßig, señor.")
    srt = "".join(f"{i}\r\n00:00:0{i},000 --> 00:00:0{i},900\r\n{text}\r\n\r\n" for i in range(1, 6))
    (tmp_path / "x.srt").write_bytes(srt.encode(encoding))
    cues = files.read(tmp_path / "x.srt")
    assert len(cues) == 5
    assert cues[0].text == text


@pytest.mark.parametrize("content", [b"", b"not subtitles at all", b"\x00\x01\x02" * 100, b"WEBVTT\n\n"])
def test_what_is_no_subtitle_file_is_said(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.srt").write_bytes(content)
    with pytest.raises(ReframeError, match=r"holds no subtitles|cannot be read"):
        files.read(tmp_path / "x.srt")


BAD = [
    Cue(5.0, 5.2, "Too short."),
    Cue(1.0, 4.0, "This line is much too long for anybody who wants to read it on a television set at home, really."),
    Cue(3.5, 4.9, "Overlapping\nthree\nlines"),
    Cue(20.0, 40.0, "Too long."),
    Cue(41, 42, "  "),
]


def test_the_linter_finds_and_mends() -> None:
    found = {(breach.cue, breach.rule) for breach in rules.check(BAD, NETFLIX)}
    assert {(1, "order"), (1, "duration_min"), (2, "line_length"), (2, "overlap"), (3, "lines"), (4, "duration_max"),
            (5, "empty")} <= found  # fmt: skip
    mended = rules.fix(BAD, NETFLIX)
    assert {breach.rule for breach in rules.check(mended, NETFLIX)} <= {"reading_speed", "break", "duration_min"}
    assert mended[-2].length >= 0.83  # where there is room
    words = " ".join(cue.text for cue in sorted(BAD, key=lambda cue: cue.start)).split()
    assert " ".join(cue.text for cue in mended).split() == words
    assert rules.fix(mended, NETFLIX) == mended


def test_what_is_right_is_not_touched() -> None:
    right = layout.build(speak(PROSE), NETFLIX)
    assert rules.fix(right, NETFLIX) == right


def test_shift_and_scale() -> None:
    assert retime.parse_shift("1.2s") == 1.2
    assert retime.parse_shift("-500ms") == -0.5
    assert retime.parse_scale("25/23.976") == Fraction(25) / Fraction(24000, 1001)
    assert retime.move(1000, 2000, 0.5, Fraction(2)) == (2500, 4500)
    assert retime.move(1000, 2000, -5, Fraction(1)) is None
    for wrong in ("soon", ""):
        with pytest.raises(UsageError):
            retime.parse_shift(wrong)
    for wrong in ("0", "1/0", "x/2", "1/2/3"):
        with pytest.raises(UsageError):
            retime.parse_scale(wrong)


def test_a_text_is_given_the_times_that_were_heard() -> None:
    heard = speak("and so my fellow american ask not what your country can do for you")
    words, share = retime.align_words(
        "And so, my fellow Americans: ask not what your country can do, for you!".split(), heard
    )
    assert share > 0.9
    assert [word.text for word in words][4:6] == ["Americans:", "ask"]
    assert words[5].start == heard[5].start
    assert heard[3].end <= words[4].start <= words[4].end <= heard[5].start
    cues = [Cue(100, 101, "And so, my fellow\nAmericans:"), Cue(101, 102, "ask not what your country can do")]
    moved, _ = retime.align_cues(cues, heard)
    assert moved[0].text == cues[0].text
    assert moved[1].start == heard[5].start
    assert not retime.is_match(retime.align_words("nothing of this was said".split(), heard)[1])


def test_the_report_measures_captions_against_the_speech() -> None:
    words = tuple(speak("Nobody knows what happened that night.", start_s=2.0))
    transcript = Transcript(
        language="en", language_probability=0.99, duration_s=60, model="m", words=words,
        speech=(Span(2.0, 3.8), Span(30.0, 40.0)), doubts=(Span(30.0, 40.0, "speech without words"),),
    )  # fmt: skip
    made = report.examine(layout.build(words, NETFLIX), NETFLIX, transcript)
    assert made.covered == pytest.approx(1.8 / 11.8, abs=0.01)
    assert (made.onset_p50_s, made.outside_s) == (0.0, 0.0)
    assert any("could not be trusted" in reason for reason in made.review)
    assert any("only 15%" in reason for reason in made.review)
    text = report.summary(made, NETFLIX)
    assert "Needs review" in text
    assert "at most 42 characters a line" in text
    away = report.examine([Cue(50, 55, "Thanks for watching!")], NETFLIX, transcript)
    assert away.outside_s == 5.0


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("film.srt", ("", False)),
        ("film.en.srt", ("en", False)),
        ("film.pt-BR.vtt", ("pt-BR", False)),
        ("film.en.forced.ass", ("en", True)),
        ("film.en.sdh.srt", ("en", False)),
        ("film.part2.srt", None),
        ("film 2.srt", None),
        ("film.txt", None),
        ("other.srt", None),
    ],
)
def test_which_subtitles_belong_to_a_film(name: str, found: tuple[str, bool] | None) -> None:
    assert given.tags(name, "film") == found


def test_word_times_in_files_are_read_and_survive(tmp_path: Path) -> None:
    words = tuple(Word(at, at + 0.9, text) for at, text in enumerate("one two three".split()))
    files.write([Cue(0, 3, "one two three", words)], tmp_path / "a.vtt", "vtt", word_times=True)
    cue = files.read(tmp_path / "a.vtt")[0]
    assert cue.text == "one two three"
    assert [(word.text, word.start) for word in cue.words] == [("one", 0.0), ("two", 1.0), ("three", 2.0)]
    moved = files.move_inner(files.load(tmp_path / "a.vtt")[0].text, lambda ms: ms + 500)
    found = files.load(tmp_path / "a.vtt")
    found[0].text = moved
    assert "<00:00:01.500><c>two" in files.text_of(found, "vtt")
    head = "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
    head += "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, "
    (tmp_path / "k.ass").write_text(
        head + "Effect, Text\nDialogue: 0,0:00:00.50,0:00:02.00,Default,,0,0,0,,Intro {\\k50}wor{\\k50}ld\n"
        "Dialogue: 0,0:00:00.50,0:00:02.00,Default,,0,0,0,,{\\p1}m 0 0 l 10 10{\\p0}\n"
    )
    (cue,) = files.read(tmp_path / "k.ass")
    assert [(word.text, word.start, word.end) for word in cue.words] == [("Intro", 0.5, 0.5), ("world", 0.5, 1.5)]


def test_captions_that_roll_up_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "y.vtt").write_text(
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.000 align:start\n \n"
        "hello<00:00:00.500><c> my</c><00:00:01.000><c> friends</c>\n\n"
        "00:00:02.000 --> 00:00:02.010\nhello my friends\n \n\n00:00:02.010 --> 00:00:04.000\nhello my friends\n"
        "how<00:00:02.500><c> are</c><00:00:03.000><c> you</c>\n\n00:00:04.000 --> 00:00:04.010\nhow are you\n \n"
    )
    cues = files.read(tmp_path / "y.vtt")
    assert [cue.text for cue in cues] == ["hello my friends", "how are you"]
    assert [word.text for word in files.spread(cues)] == "hello my friends how are you".split()


def test_markup_that_players_use_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "f.srt").write_text(
        '1\n00:00:01,000 --> 00:00:02,000\n<font color="#ffff00">Hello</font> &amp; <i>you</i>\n'
    )
    assert files.read(tmp_path / "f.srt")[0].text == "Hello & you"


def test_words_of_cues_that_overlap_follow_one_another() -> None:
    cues = [Cue(1, 3, "first one here"), Cue(1.2, 4, "second voice"), Cue(3.5, 6, "third")]
    words = files.spread(cues)
    assert [word.text for word in words] == ["first", "one", "here", "second", "voice", "third"]
    assert all(one.end <= two.start + 0.001 for one, two in pairwise(words))
    assert [word.text for word in files.spread([Cue(0, 2, "今天天气很好，我们去公园吧！")])] == [
        "今天",
        "天气",
        "很",
        "好，",
        "我们",
        "去",
        "公园",
        "吧！",
    ]
