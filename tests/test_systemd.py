"""The unit file, as systemd reads it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from reframed.paths import shipped

UNIT = shipped("systemd") / "reframed.service"


def test_the_unit_says_what_the_daemon_relies_on() -> None:
    lines = UNIT.read_text().splitlines()
    for line in ("Type=notify", "RestartPreventExitStatus=78", "OOMPolicy=continue", "KillMode=mixed"):
        assert line in lines


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_it(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("%h/.local/bin/reframed", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
