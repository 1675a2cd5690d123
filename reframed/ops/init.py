"""`reframe init`: a commented configuration, its folders, and schemas for editors. Nothing that exists is changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from reframed import config
from reframed.config import BESIDE
from reframed.errors import ReframeError
from reframed.filesystem import write_atomic
from reframed.paths import config_file, shipped, user_config
from reframed.schema import config_schema, recipe_schema
from reframed.text import safe

_MODELINE = "# yaml-language-server: $schema=reframe.schema.json\n"


def init(explicit: Path | None, home: Path | None) -> list[str]:
    """Make what is missing; a line for each thing done or left. Raises ReframeError, ConfigError."""
    target = explicit or config_file() or user_config()
    lines = []
    try:
        if target.exists():
            lines.append(f"kept    {safe(str(target))}")
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(target, _template(home).encode())
            lines.append(f"wrote   {safe(str(target))}")
        for name, schema in (("reframe", config_schema()), ("recipe", recipe_schema())):
            write_atomic(target.parent / f"{name}.schema.json", json.dumps(schema, indent=1).encode())
        for inbox in config.load(target).inboxes:
            for folder in (inbox.path, inbox.outbox):
                if folder != BESIDE and not os.path.isdir(folder):
                    os.makedirs(folder)
                    lines.append(f"made    {safe(folder)}")
    except OSError as error:
        name = safe(str(error.filename or target))
        raise ReframeError(
            f"{name} could not be made: {error.strerror}.", "Choose another place with --home."
        ) from None
    return [*lines, "", "Next: `reframe doctor`, then `reframe run`, then drop a file into an inbox."]


def _template(home: Path | None) -> str:
    text = shipped("reframe.yaml").read_text("utf-8")
    if home is not None:
        text = text.replace("~/Reframe/", f"{os.path.abspath(home.expanduser())}/")
    return _MODELINE + text
