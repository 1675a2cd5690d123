"""`make bench-translation`: a film of 2,000 cues through our engines, and through argos-translate line by line.

argos-translate takes part if $REFRAME_ARGOS names a Python that has it. The Argos packages here are tiny ones made for
tests, so their numbers say what the ways of calling cost, not how fast a real package is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from reframed.translation import argos, models
from tests.translationlab import ARGOS, HAS_FIREFOX, PHRASES, firefox_models

CUES = 2000
RUNS = 3
REFERENCES = Path(__file__).parent.parent / "media" / "subtitles-en-pt.tsv"

_OURS = """
import json, resource, sys, time
from pathlib import Path
from reframed.subtitles import profiles
from reframed.translation import sentences
from reframed.translation.argos import Argos
from reframed.translation.engine import Setup
from reframed.translation.firefox import Firefox
engine, target, folder, texts, runs = *sys.argv[1:4], json.loads(Path(sys.argv[4]).read_text()), int(sys.argv[5])
made = Firefox("en", target, Path(folder)) if engine == "firefox" else Argos("en", target, Setup(Path(folder), 2))
lines = [sentences.Line(n * 2.0, n * 2 + 1.9, text) for n, text in enumerate(texts)]
rules = sentences.Rules("en", profiles.profile("netflix", target))
made.translate(["Hello."])
times = []
for _ in range(runs):
    start = time.perf_counter()
    sentences.translate(lines, "none", made.translate, rules)
    times.append(time.perf_counter() - start)
print(json.dumps([times, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000]))
"""
_LIBRARY = """
import json, os, resource, sys, time
from pathlib import Path
os.environ["ARGOS_PACKAGES_DIR"] = sys.argv[3]
from argostranslate import translate
texts, runs = json.loads(Path(sys.argv[4]).read_text()), int(sys.argv[5])
made = translate.get_translation_from_codes("en", sys.argv[2])
class Whole:
    def split_sentences(self, text):
        return [text]
made.underlying.sentencizer = Whole()
made.translate("Hello.")
times = []
for _ in range(runs):
    start = time.perf_counter()
    for text in texts:
        made.translate(text)
    times.append(time.perf_counter() - start)
print(json.dumps([times, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000]))
"""


def measure(name: str, python: str, code: str, *arguments: str) -> None:
    """Run a measurement in a process of its own, and print it."""
    done = subprocess.run([python, "-c", code, *arguments, str(RUNS)], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{name:<32} failed: {done.stderr.strip().splitlines()[-1]}")
        return
    times, peak_mb = json.loads(done.stdout.splitlines()[-1])
    each = " ".join(f"{CUES / seconds:.0f}" for seconds in times)
    print(
        f"{name:<32} {CUES / sorted(times)[RUNS // 2]:6.0f} cues a second ({each}), peak {peak_mb:.0f} MB", flush=True
    )


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="reframe-bench-") as name:
        folder = Path(name)
        models.install(ARGOS, folder)
        film = [part for line in REFERENCES.read_text().splitlines() for part in line.split("\t")[0].split("|")]
        (folder / "film.json").write_text(json.dumps([film[n % len(film)] for n in range(CUES)]))
        # Every line its own, for the library remembers what it has translated.
        phrases = [f"{PHRASES[n % len(PHRASES)][0]} {n}" for n in range(CUES)]
        (folder / "phrases.json").write_text(json.dumps(phrases))
        if HAS_FIREFOX:
            firefox_models(folder, "en-pt")
            measure("firefox en-pt", sys.executable, _OURS, "firefox", "pt", name, f"{name}/film.json")
        measure("argos en-es", sys.executable, _OURS, "argos", "es", name, f"{name}/phrases.json")
        if library := os.environ.get("REFRAME_ARGOS"):
            packages = str(argos.folder(folder))
            measure("argos-translate, line by line", library, _LIBRARY, "", "es", packages, f"{name}/phrases.json")


if __name__ == "__main__":
    main()
