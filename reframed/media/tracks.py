"""Which of several tracks to use."""

from __future__ import annotations

from reframed.errors import StepFailed
from reframed.media.info import AudioTrack, MediaInfo, TextTrack


def choose_audio(media: MediaInfo, wanted: int | str, language: str) -> AudioTrack:
    """The audio track to listen to. Raises StepFailed(no_audio, no_such_track)."""
    if not media.audio:
        raise StepFailed(
            "no_audio",
            "The file has no audio track, so there is nothing to caption.",
            "If it should have sound, export or record it again with sound.",
        )
    if isinstance(wanted, int):
        if wanted > len(media.audio):
            raise StepFailed(
                "no_such_track",
                f"The recipe asks for audio track {wanted}, but the file has {len(media.audio)}.",
                "Set `track: auto` in the recipe, or a smaller number.",
            )
        return media.audio[wanted - 1]
    spoken = [track for track in media.audio if language != "auto" and track.language[:2] == language[:2]]
    default = [track for track in media.audio if track.default]
    return (spoken or default or list(media.audio))[0]


def choose_text(media: MediaInfo, language: str) -> TextTrack | None:
    """The text track to read: in the language if one is set, never a forced one; None if there is none."""
    usable = [track for track in media.text if not track.forced]
    if language == "auto":
        return next((track for track in usable if track.default), usable[0] if usable else None)
    return next((track for track in usable if track.language[:2] == language[:2]), None)
