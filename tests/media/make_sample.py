"""Makes the sample video that ships with Reframe: President Kennedy's inaugural address of 1961 (public domain) over a
drawn picture of its own sound. Run it with the project's Python: `.venv/bin/python tests/media/make_sample.py`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from reframed.media.ffmpeg import find

HERE = Path(__file__).parent
OUTPUT = HERE.parent.parent / "reframed" / "sample" / "ask-not.mp4"
PICTURE = (
    "color=0x17304f:s=640x360:r=12:d=11,drawgrid=w=40:h=40:c=0x1d3a5e[back];"
    "[0:a]showwaves=s=560x160:r=12:mode=cline:draw=full:colors=0xf5b942:scale=sqrt,format=rgba[wave];"
    "[back][wave]overlay=40:100:format=rgb,format=yuv420p[v]"
)


def main() -> None:
    """Write the sample."""
    OUTPUT.parent.mkdir(exist_ok=True)
    command = [find().path, "-y", "-v", "error", "-i", str(HERE / "jfk.wav"), "-filter_complex", PICTURE]
    command += ["-map", "[v]", "-map", "0:a", "-c:v", "libx264", "-preset", "veryslow", "-crf", "32", "-c:a", "aac"]
    command += ["-b:a", "48k", "-metadata:s:a:0", "language=eng", "-movflags", "+faststart", "-shortest", str(OUTPUT)]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
