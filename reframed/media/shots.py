"""Cuts in the picture: from key frames alone, which encoders put where the scene changes; so a film takes seconds."""

from __future__ import annotations

from collections.abc import Callable

_LEAST_CHANGE = 18.0  # mean difference of luma, of 255
_SIDE = 32


def cuts(source: str, log: Callable[[str], None]) -> list[float]:
    """Times of cuts in seconds from the start of the file; nothing for a picture that cannot be read."""
    import av
    import numpy as np

    from reframed.media.probe import open_container

    found: list[float] = []
    before = None
    try:
        with open_container(source) as container:
            stream = container.streams.video[0]
            stream.codec_context.skip_frame = "NONKEY"
            start = (container.start_time or 0) / 1e6
            for frame in container.decode(stream):
                small = frame.reformat(width=_SIDE, height=_SIDE, format="gray").to_ndarray().astype(np.int16)
                if before is not None and frame.time is not None and np.abs(small - before).mean() > _LEAST_CHANGE:
                    found.append(round(float(frame.time) - start, 3))
                before = small
    except (av.FFmpegError, IndexError, OSError) as error:
        log(f"no shot changes: {error}")
    return found
