"""Verbs and options; nothing here imports what the verbs need."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reframed import __version__

STATES = ("queued", "blocked", "running", "publishing", "done", "failed", "cancelled")
SHELLS = ("bash", "zsh", "fish")
Parser = argparse.ArgumentParser


def build() -> Parser:
    """The parser of the command `reframe`."""
    parser = Parser(prog="reframe", description="Drop a video in an inbox, find captions in the outbox.")
    parser.add_argument("--version", action="version", version=f"reframe {__version__}")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the reframe.yaml to use")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _service_verbs(verbs)
    _reading_verbs(verbs)
    _acting_verbs(verbs)
    _subtitle_verbs(verbs)
    _setup_verbs(verbs)
    return parser


def _verb(verbs: Any, name: str, where: str, help_: str, *, json: bool = False) -> Parser:
    parser: Parser = verbs.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
    parser.set_defaults(run=_late(where))
    # Also after the verb, where people put it; SUPPRESS keeps one given before it.
    parser.add_argument(
        "--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="the reframe.yaml to use"
    )
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _late(where: str) -> Callable[[argparse.Namespace], Any]:
    module, _, function = where.partition(":")

    def run(options: argparse.Namespace) -> Any:
        return getattr(importlib.import_module(f"reframed.cli.{module}"), function)(options)

    return run


def _service_verbs(verbs: Any) -> None:
    init = _verb(verbs, "init", "setup:init", "write a commented reframe.yaml and make the inbox and outbox folders")
    init.add_argument("--home", type=Path, metavar="FOLDER", help="where inbox/ and outbox/ go (default: ~/Reframe)")
    _verb(verbs, "run", "setup:run", "run the daemon in the foreground")
    tui = _verb(verbs, "tui", "setup:tui", "open the dashboard")
    tui.add_argument("--readonly", action="store_true", help="look, and change nothing")
    tui.add_argument("--theme", choices=("dark", "light"), help="default: as configured, else dark")
    tui.add_argument("--ascii", action="store_true", help="only ASCII signs")
    tui.add_argument(
        "--serve", action="store_true", help="show it in a browser of this machine (needs the extra `serve`)"
    )
    tui.add_argument("--port", type=int, default=8421, metavar="N", help="for --serve (default 8421)")


def _reading_verbs(verbs: Any) -> None:
    _verb(verbs, "status", "reading:status", "show what is going on, and why files are not running", json=True)
    jobs = _verb(verbs, "jobs", "reading:jobs", "list jobs, newest first", json=True)
    jobs.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="state:failed, recipe:styled, lang:es, inbox:films, text, !text (as in the TUI)",
    )
    jobs.add_argument("--state", action="append", choices=STATES, help="only these (may be repeated)")
    jobs.add_argument("--recipe", default="", help="only this recipe")
    jobs.add_argument("--name", default="", help="only files whose name contains this")
    jobs.add_argument("--limit", type=_count, default=50, metavar="N", help="at most N (default 50; 0: all)")
    show = _verb(verbs, "show", "reading:show", "show a job, or what is known of a file", json=True)
    show.add_argument("job", metavar="JOB|FILE", help="a job's number or a file's path")
    log = _verb(verbs, "log", "reading:log", "print a job's log", json=True)
    log.add_argument("job", type=int, metavar="JOB")
    log.add_argument("-f", "--follow", action="store_true", help="go on printing until the job ends")
    log.add_argument("--attempt", type=int, metavar="N", help="an earlier attempt (default: the newest)")


def _subtitle_verbs(verbs: Any) -> None:
    report = _verb(verbs, "report", "subtitles:report", "print the report on a job's captions", json=True)
    report.add_argument("job", type=int, metavar="JOB")
    lint = _verb(verbs, "lint", "subtitles:lint", "check any subtitle file against the rules of a profile", json=True)
    lint.add_argument("file", type=Path, metavar="FILE")
    lint.add_argument("--profile", default="netflix", help="netflix (default), bbc, broadcast or shorts")
    lint.add_argument(
        "--language", default="", metavar="TAG", help="like en or ja (default: from the name, FILE.en.srt)"
    )
    lint.add_argument("--fix", action="store_true", help="write a mended copy, NAME.fixed.srt")
    shift = _verb(
        verbs, "shift", "subtitles:shift", "write a copy of a subtitle file with other times, NAME.shifted.srt"
    )
    shift.add_argument("file", type=Path, metavar="FILE")
    shift.add_argument("--by", metavar="TIME", help="later by so much, like 1.2s; earlier: --by=-500ms")
    shift.add_argument("--scale", metavar="FACTOR", help="stretch, like 25/23.976 or 1.001; before --by")
    shift.add_argument("--drop", action="store_true", help="leave out cues that would end before the file begins")
    style = _verb(verbs, "style", "subtitles:style", "list the styles of burned-in captions, or draw them", json=True)
    style.add_argument("action", nargs="?", choices=("list", "preview"), default="list")
    style.add_argument("name", nargs="*", help="styles to draw (default: all)")
    style.add_argument("--wide", action="store_true", help="on a wide picture instead of an upright one")
    for parser in (lint, shift, style):
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write; never over a file")


def _acting_verbs(verbs: Any) -> None:
    add = _verb(verbs, "add", "acting:add", "run a recipe on a file where it is, and leave it there")
    add.add_argument("file", nargs="+", type=Path, metavar="FILE")
    add.add_argument("--recipe", default="captions", help="default: captions")
    for name, what in (("retry", "queue jobs again"), ("cancel", "cancel jobs that have not ended")):
        parser = _verb(verbs, name, f"acting:{name}", what)
        parser.add_argument("job", nargs="*", type=int, metavar="JOB")
        if name == "retry":
            parser.add_argument("--failed", action="store_true", help="all failed jobs")

    recaption = _verb(verbs, "recaption", "acting:recaption", "give a job captions of your own, and let it start again")
    recaption.add_argument("job", type=int, metavar="JOB")
    recaption.add_argument(
        "file", type=Path, metavar="FILE", help="a subtitle file; a copy of it is kept beside the video"
    )
    recaption.add_argument("--language", default="", metavar="TAG", help="default: from the name, FILE.en.srt")
    restyle = _verb(verbs, "restyle", "acting:restyle", "render a job again in another style")
    restyle.add_argument("job", type=int, metavar="JOB")
    restyle.add_argument("style", metavar="STYLE", help="see `reframe style`")
    priority = _verb(verbs, "priority", "acting:priority", "let jobs run before others, or after them")
    priority.add_argument("job", nargs="*", type=int, metavar="JOB")
    priority.add_argument("--to", type=int, default=5, help="-9 (last) to 9 (first); 0 is usual; default: 5")
    _verb(verbs, "pause", "acting:pause", "take no more files; jobs go on")
    _verb(verbs, "drain", "acting:drain", "start no more steps; those that run go on")
    _verb(verbs, "resume", "acting:resume", "go on after pause or drain")


def _setup_verbs(verbs: Any) -> None:
    _verb(verbs, "check", "setup:check", "check the configuration and all recipes", json=True)
    recipes = _verb(verbs, "recipes", "setup:recipes", "show what each recipe does, and its steps' options", json=True)
    recipes.add_argument("name", nargs="?", help="only this recipe, with all options of its steps")
    _verb(verbs, "doctor", "setup:doctor", "examine this machine and say how to mend what is wrong", json=True)
    models = _verb(
        verbs,
        "models",
        "models:models",
        "list, fetch, install and remove models, or say which a recipe needs",
        json=True,
    )
    models.add_argument("action", nargs="?", choices=("list", "fetch", "install", "remove", "need"), default="list")
    models.add_argument(
        "name",
        nargs="?",
        help="fetch: a Whisper model (small) or a pair of languages (en-es, argos:en-es); install: an .argosmodel file or a "
        "folder; remove: a pair; need: a recipe",
    )
    schema = _verb(verbs, "schema", "setup:schema", "print the JSON Schema of reframe.yaml or of recipes, for editors")
    schema.add_argument("what", nargs="?", choices=("config", "recipe"), default="config")
    completion = _verb(verbs, "completion", "setup:completion", "print a completion script for a shell")
    completion.add_argument("shell", choices=SHELLS)
    demo = _verb(verbs, "demo", "setup:demo", "run the whole thing once on a sample, in a throw-away folder")
    demo.add_argument("--keep", type=Path, metavar="FOLDER", help="use this folder and leave it")


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number
