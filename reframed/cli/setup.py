"""The verbs around the daemon: init, run, tui, check, recipes, doctor, models, schema, completion, demo."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from reframed.errors import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, Fault
from reframed.text import safe


def run(options: argparse.Namespace) -> int:
    """Run the daemon in the foreground."""
    from reframed import daemon

    return daemon.run(options.config)


def tui(options: argparse.Namespace) -> int:
    """Open the dashboard."""
    if options.serve:
        from tui.serve import serve

        return serve(_again(options), options.port)
    from reframed.paths import state_and_section
    from tui.app import Services, Settings, run

    state, section = state_and_section(options.config, "tui")
    settings = Settings(theme=options.theme or "dark", ascii=True if options.ascii else None)
    if section is not None:
        from reframed.config import tui_settings

        wanted = tui_settings(section)
        in_ascii = None if wanted.ascii == "auto" else wanted.ascii
        settings = Settings(options.theme or wanted.theme, True if options.ascii else in_ascii, dict(wanted.keys))
    services = Services(
        check=lambda: _setup_lines(options.config),
        styles=lambda: _styles(options.config),
        still=lambda name, path: _still(options.config, name, path),
    )
    run(state, readonly=options.readonly, settings=settings, services=services)
    return EXIT_OK


def _again(options: argparse.Namespace) -> list[str]:
    """The arguments of the same dashboard in a terminal."""
    found = ["--config", str(options.config.resolve())] if options.config else []
    found += ["tui", *(["--readonly"] if options.readonly else []), *(["--ascii"] if options.ascii else [])]
    return [*found, "--theme", options.theme] if options.theme else found


def _setup_lines(path: Path | None) -> list[str]:
    """What `reframe check` and `reframe recipes` say, and the inboxes, for the dashboard."""
    from reframed import config
    from reframed.ops.check import check_all
    from reframed.ops.recipes import describe
    from reframed.ops.recipes import lines as described

    report = check_all(path)
    lines = [f"{report.file}: {'no fault' if not report.faults else f'{len(report.faults)} faults'}"]
    lines += [f"  {fault}" for fault in report.faults]
    if report.faults:
        return [*lines, "", "The recipes are shown when these are mended."]
    lines += ["", "Inboxes"]
    for inbox in config.load(path).inboxes:
        lines.append(f"  {inbox.name}: {safe(inbox.path)} -> {safe(inbox.outbox)}")
        lines.append(f"    recipe {', '.join(inbox.recipes)}; after: {inbox.after}; watch: {inbox.watch}")
    return [*lines, "", "Recipes", *[f"  {line}" for line in described(describe(path, None), full=False)]]


def _key_faults(path: Path | None, report: Any) -> list[Fault]:
    """What is wrong with the dashboard's keys, once the rest of the file is right."""
    if report.faults:
        return []
    from reframed import config
    from tui.keys import faults

    return [Fault(report.file, 0, 0, text) for text in faults(config.load(path).tui.keys)]


def _styles(path: Path | None) -> list[tuple[str, str]]:
    from reframed.ops.stylesheet import listed

    return [(row["name"], row["about"]) for row in listed(path)]


def _still(path: Path | None, name: str, target: Path) -> None:
    from reframed.ops.stylesheet import draw

    draw(path, [name], "upright", target)


def init(options: argparse.Namespace) -> int:
    """Write the configuration and make the folders."""
    from reframed.ops.init import init as initialise

    for line in initialise(options.config, options.home):
        print(line)
    return EXIT_OK


def check(options: argparse.Namespace) -> int:
    """Check the configuration and all recipes; every fault at once."""
    from reframed.ops.check import check_all

    report = check_all(options.config)
    report = report._replace(faults=[*report.faults, *_key_faults(options.config, report)])
    if options.json:
        _print_json(
            {"ok": not report.faults, "file": report.file, "faults": [fault.__dict__ for fault in report.faults]}
        )
    elif report.faults:
        print("\n".join(str(fault) for fault in report.faults))
        print(f"{len(report.faults)} fault{'s' if len(report.faults) > 1 else ''}.")
    else:
        print(f"{report.file}: no fault. {report.inboxes} inboxes, {report.recipes} recipes.")
    return EXIT_CONFIG if report.faults else EXIT_OK


def recipes(options: argparse.Namespace) -> int:
    """Show recipes and their steps' options."""
    from reframed.ops import recipes as op

    described = op.describe(options.config, options.name)
    if options.json:
        _print_json(described)
    else:
        print("\n".join(op.lines(described, full=bool(options.name))))
    return EXIT_OK


def doctor(options: argparse.Namespace) -> int:
    """Examine the machine; exit code 1 if something must be mended."""
    from reframed.ops.doctor import BAD, examine

    findings = examine(options.config)
    if options.json:
        _print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            print(f"{finding.level:<5} {finding.subject:<12} {finding.state}")
            if finding.mend:
                print(f"{'':<18} -> {finding.mend}")
    return EXIT_FAILED if any(finding.level == BAD for finding in findings) else EXIT_OK


def schema(options: argparse.Namespace) -> int:
    """Print a JSON Schema."""
    from reframed.schema import config_schema, recipe_schema

    _print_json(config_schema() if options.what == "config" else recipe_schema())
    return EXIT_OK


def completion(options: argparse.Namespace) -> int:
    """Print a completion script."""
    import shtab

    from reframed.cli.parser import build

    print(shtab.complete(build(), shell=options.shell))
    return EXIT_OK


def demo(options: argparse.Namespace) -> int:
    """Run the demonstration."""
    from reframed.ops.demo import run as run_demo

    return run_demo(options.keep)


def _print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=1, default=str)
    print()
