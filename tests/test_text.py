"""Text for people."""

import pytest

from reframed.text import did_you_mean, duration, listing, parse_duration, parse_size, safe, shorten, size


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain.mp4", "plain.mp4"),
        ("a\nb", "a\\nb"),
        ("\x1b[2Jx", "\\x1b[2Jx"),
        ("\x9b31m", "\\x9b31m"),
        ("fr\u202egpj.exe", "fr\\u202egpj.exe"),
        ("\u2067x", "\\u2067x"),
        ("שלום.mp4", "שלום.mp4"),
        ("👩\u200d👧.mp4", "👩\u200d👧.mp4"),
        (b"bad\xff.mp4", "bad\\xff.mp4"),
        ("line\u2028sep", "line\\u2028sep"),
    ],
)
def test_safe_shows_what_could_do_harm(name: str | bytes, shown: str) -> None:
    assert safe(name) == shown


def test_durations() -> None:
    assert parse_duration("90") == 90
    assert parse_duration("1h 30m") == 5400
    assert parse_duration("500ms") == 0.5
    assert [duration(value) for value in (0.44, 59, 61, 7500, 90000)] == ["0.4s", "59s", "1m 01s", "2h 05m", "1d 1h"]
    for wrong in ("soon", "5 parsecs", "", "1h x"):
        with pytest.raises(ValueError):
            parse_duration(wrong)


def test_sizes() -> None:
    assert (parse_size("1.5GB"), parse_size("2KiB"), parse_size("7")) == (1_500_000_000, 2048, 7)
    assert (size(999), size(1500), size(2_000_000_000)) == ("999 B", "1.5 kB", "2.0 GB")
    with pytest.raises(ValueError):
        parse_size("big")


def test_small_things() -> None:
    assert did_you_mean("slotz", ["slots", "state"]) == ' (did you mean "slots"?)'
    assert did_you_mean("xyz", ["slots"]) == ""
    assert listing(["a", "b", "c"], "or") == "a, b or c"
    assert len(shorten("a-very-long-name.mp4", 10)) == 10
    assert shorten("a-very-long-name.mp4", 10).endswith("mp4")
