"""The command line. Every verb imports what it needs when it runs: `reframe status` must answer at once."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from reframed.errors import EXIT_FAILED, EXIT_OK, ReframeError

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `reframe`; its exit code."""
    gc.disable()  # nothing that is made at the start is garbage, and `reframe status` must answer at once
    from reframed.cli.parser import build

    parser = build()
    options = parser.parse_args(arguments)
    gc.enable()
    try:
        return int(options.run(options) or EXIT_OK)
    except ReframeError as error:
        return _explain(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK


def daemon_main() -> int:
    """The command `reframed`: the same as `reframe run`."""
    return main(["run", *sys.argv[1:]])


def _explain(error: ReframeError) -> int:
    print(f"reframe: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  -> {error.hint}", file=sys.stderr)
    return error.exit_code or EXIT_FAILED
