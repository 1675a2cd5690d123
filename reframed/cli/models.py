"""`reframe models`: what is on this machine, and getting what is not."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from reframed.errors import EXIT_FAILED, EXIT_OK, ReframeError, UsageError
from reframed.text import safe, size

_PAIR = re.compile(r"(?:(?:firefox|argos):)?[a-z]{2,3}-[a-zA-Z]{2,8}")


def models(options: argparse.Namespace) -> int:
    """List models, or change which there are."""
    from reframed import config

    settings = config.load(options.config)
    if options.action == "list":
        return _list(settings, as_json=options.json)
    if not options.name:
        raise UsageError(f"{options.action}: which?", "See `reframe models --help`.")
    return {"fetch": _fetch, "install": _install, "remove": _remove, "need": _need}[options.action](settings, options)


def _list(settings: Any, *, as_json: bool) -> int:
    from reframed.capacity import has_gpu
    from reframed.speech import engine, machine
    from reframed.speech import models as whisper
    from reframed.translation import models as translation

    installed = whisper.installed(settings.models_path)
    here = machine.here("cuda" if has_gpu() else "cpu")
    chosen = whisper.resolve(settings.models.whisper, settings.models_path, here)
    pairs = translation.installed(settings.models_path)
    if as_json:
        rows = [model._asdict() | {"path": str(model.path), "chosen": model == chosen} for model in installed]
        more = [model._asdict() | {"path": str(model.path)} for model in pairs]
        found = {"folder": settings.models.folder, "installed": rows, "known": list(whisper.KNOWN), "translation": more}
        print(json.dumps(found, indent=1))
        return EXIT_OK
    print(f"For {engine.DEFAULT}, fetched into {safe(settings.models.folder)}/whisper:")
    for model in installed:
        mark = "*" if model == chosen else " "
        print(f"{mark} {model.name:<16} {size(model.size_bytes):>8}  {model.origin}: {safe(str(model.path))}")
    print(
        "* is what `model: auto` takes now."
        if chosen
        else f"None chosen; `{whisper.to_fetch('auto', here)}` would be fetched."
    )
    print("To fetch (`reframe models fetch NAME`):")
    for name in whisper.KNOWN:
        if name not in {model.name for model in installed}:
            print(f"  {name:<16} {size(whisper.KNOWN[name][1]):>8}")
    for name in engine.NAMES[1:]:
        _other_engine(name, settings.models_path)
    print(f"For translation, in {safe(settings.models.folder)}/translation: {'' if pairs else 'none yet'}")
    for pair in pairs:
        where = f"{pair.origin}: {safe(str(pair.path))}"
        print(f"  {pair.pair:<8} {pair.engine:<8} {size(pair.size_bytes):>8}  {where}")
    print(
        "To fetch a pair of languages: `reframe models fetch en-es`; from a file or folder: `reframe models install PATH`."
    )
    return EXIT_OK


def _other_engine(name: str, folder: Path) -> None:
    """What is there for one of the other engines, and how to get what is not."""
    from reframed.speech import engine, modelfiles

    if not engine.is_installed(name):
        print(f"For {name}: not installed (pip install {engine.how_to_install(name)}).")
        return
    there = list(modelfiles.installed(name, folder))
    print(f"For {name}, in {safe(str(modelfiles.folder(name, folder)))}: {'' if there else 'none yet'}")
    for model in there:
        print(f"  {model.name:<16} {size(model.size_bytes):>8}  {safe(str(model.path))}")


def _fetch(settings: Any, options: argparse.Namespace) -> int:
    from reframed.speech import models as whisper
    from reframed.translation import models as translation

    name = str(options.name)
    if settings.offline:
        raise ReframeError("`offline: true` forbids fetching.", "Set it to false for as long as this takes.")

    def report(done: int, total: int) -> None:
        print(f"\r{safe(name)}: {size(done)} of {size(total)}   ", end="", file=sys.stderr)

    if _PAIR.fullmatch(name) and name not in whisper.KNOWN:
        pairs = translation.fetch(name, settings.models_path, report)
        print(file=sys.stderr)
        return _say(pairs)
    model = whisper.fetch(name, settings.models_path, report)
    print(file=sys.stderr)
    print(f"{model.name} is in {safe(str(model.path))} ({size(model.size_bytes)}).")
    return EXIT_OK


def _say(pairs: Any) -> int:
    for pair in pairs:
        print(f"{pair.pair} for {pair.engine} is in {safe(str(pair.path))} ({size(pair.size_bytes)}).")
    return EXIT_OK


def _install(settings: Any, options: argparse.Namespace) -> int:
    from reframed.translation import models as translation

    return _say(translation.install(Path(options.name).expanduser(), settings.models_path))


def _remove(settings: Any, options: argparse.Namespace) -> int:
    from reframed.translation import models as translation

    for pair in translation.remove(str(options.name), settings.models_path):
        print(f"{pair.pair} for {pair.engine} is removed ({size(pair.size_bytes)}).")
    return EXIT_OK


def _need(settings: Any, options: argparse.Namespace) -> int:
    from reframed.ops import needs

    found = needs.of(options.config, str(options.name))
    if options.json:
        print(json.dumps([need._asdict() for need in found], indent=1))
    else:
        for need in found:
            print(f"{'ok  ' if need.there else 'LACK'}  {need.step:<10} {need.what}")
            if not need.there:
                print(f"{'':<18}-> {need.get}")
        if not found:
            print("It needs no models.")
    return EXIT_OK if all(need.there for need in found) else EXIT_FAILED
