"""The verbs for subtitle files by themselves: lint and shift. They never write over a file that is there."""

from __future__ import annotations

import argparse
import json
import os
from bisect import bisect_left
from pathlib import Path
from typing import Any

from reframed.errors import EXIT_FAILED, EXIT_OK, ReframeError
from reframed.text import safe

_NEAR = 8  # a mended cue comes from one of the events around its time


def lint(options: argparse.Namespace) -> int:
    """Check a file against a profile's rules; exit code 1 if it breaks any. With --fix, write a mended copy."""
    import msgspec

    from reframed.subtitles import files, profiles, report, rules
    from reframed.subtitles.given import tags

    language = options.language or (tags(options.file.name, options.file.name.split(".")[0]) or ("", False))[0]
    profile = profiles.profile(options.profile, language)
    cues = files.read(options.file)
    made = report.examine(cues, profile)
    if options.json:
        print(msgspec.json.encode(made).decode())
    else:
        _, encoding = files.decode(options.file.read_bytes())
        print(f"{safe(str(options.file))}: {files.load(options.file).format}, {encoding}")
        print(report.summary(made, profile), end="")
    if options.fix:
        subtitles = files.load(options.file)
        _replace(subtitles, rules.fix(cues, profile))
        _save(subtitles, options.file, options.output, "fixed", quiet=options.json)
    return EXIT_FAILED if made.breaches and not options.fix else EXIT_OK


def _replace(subtitles: Any, cues: Any) -> None:
    """Put `cues` in place of the file's, each with the style of the event it came from, and its markup if it can be."""
    events = sorted((event for event in subtitles if not event.is_comment), key=lambda event: event.start)
    kept = [event for event in subtitles if event.is_comment]
    texts = [_plain(event) for event in events]
    starts = [event.start for event in events]
    for cue in cues:
        start = round(cue.start * 1000)
        at = bisect_left(starts, start)
        near = range(max(0, at - _NEAR), min(len(events), at + _NEAR))
        origin = min(near, key=lambda index: (texts[index] != cue.text, abs(starts[index] - start)))
        made = events[origin].copy()
        made.start, made.end = start, round(cue.end * 1000)
        if texts[origin] != cue.text:
            made.plaintext = cue.text
        kept.append(made)
    subtitles.events = kept


def _plain(event: Any) -> str:
    return "\n".join(line.strip() for line in event.plaintext.split("\n") if line.strip())


def shift(options: argparse.Namespace) -> int:
    """Write a copy of a subtitle file with other times; texts and styles stay."""
    from reframed.subtitles import files, retime

    if options.by is None and options.scale is None:
        raise ReframeError("Neither --by nor --scale is given: nothing to do.", "For example: --by 1.2s")
    by_s = retime.parse_shift(options.by or "0s")
    scale = retime.parse_scale(options.scale or "1")
    subtitles = files.load(options.file)
    kept, lost = [], 0
    for event in subtitles:
        moved = retime.move(event.start, event.end, by_s, scale)
        if moved is None:
            lost += not event.is_comment
            continue
        event.start, event.end = moved
        event.text = files.move_inner(event.text, lambda ms: retime.moved(ms, by_s, scale))
        kept.append(event)
    if lost and not options.drop:
        raise ReframeError(
            f"{lost} cues would end before the file begins.", "Shift by less, or add --drop to leave them out."
        )
    subtitles.events = kept
    _save(subtitles, options.file, options.output, "shifted", quiet=False)
    return EXIT_OK


def _save(subtitles: Any, source: Path, output: Path | None, how: str, *, quiet: bool) -> None:
    target = output or source.with_name(f"{source.stem}.{how}{source.suffix}")
    suffix = target.suffix.lower().lstrip(".")
    from reframed.subtitles import files

    text = files.text_of(subtitles, suffix if suffix in files.READABLE else subtitles.format)
    try:
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise ReframeError(
            f"{safe(str(target))} is there already, and is left as it is.", "Name another file with -o."
        ) from None
    except OSError as error:
        raise ReframeError(f"{safe(str(target))} cannot be written: {error.strerror}.", "Check the folder.") from error
    if not quiet:
        print(f"Written: {safe(str(target))}")


def report(options: argparse.Namespace) -> int:
    """Print a job's captions report."""
    from reframed import paths
    from reframed.store.reads import Reader

    found = Reader(paths.state_folder(options.config)).reports(options.job)
    if not found:
        raise ReframeError(f"Job {options.job} has no captions report.", "It comes with the step captions, once done.")
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        print("\n".join(item["summary"] for item in found), end="")
    return EXIT_OK


def style(options: argparse.Namespace) -> int:
    """List the styles, or draw some into one picture."""
    from reframed.ops import stylesheet

    if options.action == "preview":
        target = options.output or Path("styles.png")
        stylesheet.draw(options.config, options.name, "wide" if options.wide else "upright", target)
        print(f"Written: {safe(str(target))}")
        return EXIT_OK
    found = stylesheet.listed(options.config)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        print("\n".join(f"{item['name']:<12} {safe(item['about'])}" for item in found))
        print("`reframe style preview` draws them into styles.png.")
    return EXIT_OK
