"""What in a cue is not language: tags, musical notes, dashes, speakers' labels, brackets. Held aside, and put back."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from reframed.subtitles.breaks import ends_sentence

Markup = Literal["none", "ass", "srt", "vtt"]
"""How texts are written: as they are, with ASS override blocks, with SRT's few HTML tags, or with WebVTT's."""

_ASS_TAG = re.compile(r"\{[^{}]*\}|</?[a-zA-Z][^<>]*>")
# In SRT braces are text (a placeholder, perhaps), but for the placing that players take from ASS.
_SRT_TAG = re.compile(r"\{\\[^{}]*\}|</?(?:b|i|u|s|font|c|em|strong|ruby|rt|span|br)\b[^<>]*>", re.IGNORECASE)
_VTT_TAG = re.compile(r"<[^<>]*>")
_NEVER = re.compile(r"(?!)")
_DRAWING = re.compile(r"\{[^}]*\\p[1-9]")
_DASH = re.compile(r"[-\u2010\u2013\u2014]\s*(?=\S)")
_BEFORE = re.compile(r"[♪♫\#]+\s*|[-\u2010\u2013\u2014]\s*|[\[(](?=[^\[\]()]*[\])]\W*$)|>>+\s*")
_LABEL = re.compile(r"([^\s:♪\[][^:\n!?]{0,40}?):\s+")
_NAMED = re.compile(r"(?:[^\W\d_][\w.'’\-]*\s?){1,3}(?:\([^()]*\)\s*)?:\s")
_AFTER = re.compile(r"(?:\s*[♪♫\#]+|[\])])+$")
_NOTES = re.compile(r"(?:\s*[♪♫\#]+)+$")
_CLOSING = re.compile(r"</|\{\\[a-z]+0\}$|\{\\r\}$")


class Tag(NamedTuple):
    """A tag inside a text, after this share (0 to 1) of its characters."""

    share: float
    text: str

    @property
    def closes(self) -> bool:
        """Whether it ends what another began."""
        return bool(_CLOSING.match(self.text))


class Part(NamedTuple):
    """What one voice says in one cue: the plain text, and what stands before, inside and after it."""

    text: str
    before: str = ""
    after: str = ""
    inside: tuple[Tag, ...] = ()


def is_drawing(raw: str, markup: Markup) -> bool:
    """Whether an ASS event draws a shape instead of writing."""
    return markup == "ass" and _DRAWING.search(raw) is not None


def take_apart(raw: str, markup: Markup) -> list[Part]:
    """The parts of a cue's text: one, or where lines begin with a dash, one for each voice."""
    lines = re.split(r"\\N|\\n|\n" if markup == "ass" else r"\n", raw)
    tags = _tags(markup)
    plain = [tags.sub("", line).strip() for line in lines]
    speakers = [bool(_DASH.match(line)) for line in plain]
    groups: list[list[str]] = [[]]
    for index, line in enumerate(lines):
        if groups[-1] and speakers[index] and (speakers[0] or ends_sentence(plain[index - 1])):
            groups.append([])
        groups[-1].append(line)
    return [_part(" ".join(group), markup) for group in groups]


def begins_voice(part: Part) -> bool:
    """Whether another voice than before begins here: a dash, >>, a name with a colon, a sound in brackets."""
    before = re.sub(r"\{[^{}]*\}|<[^<>]*>", "", html.unescape(part.before)).strip()
    return (
        before.endswith(("-", "\u2010", "\u2013", "\u2014", ">", ":"))
        or part.text.startswith(("(", "["))
        or (part.text[:1].isupper() and _NAMED.match(part.text) is not None)
    )


def is_sung(part: Part) -> bool:
    """Whether there are musical notes about it."""
    return any(note in part.before + part.after for note in "♪♫")


def _tags(markup: Markup) -> re.Pattern[str]:
    return {"none": _NEVER, "ass": _ASS_TAG, "srt": _SRT_TAG, "vtt": _VTT_TAG}[markup]


def _lead(plain: str, start: int) -> int:
    """Where the words begin: after notes, dashes, an opening bracket, a speaker's label in capitals."""
    while True:
        mark = _BEFORE.match(plain, start)
        if mark is None:
            mark = _LABEL.match(plain, start)
            label = mark[1] if mark else ""
            if mark is None or label != label.upper() or label == label.lower() or len(label.split()) > 4:
                return start
        start = mark.end()


def _part(raw: str, markup: Markup) -> Part:
    plain, found = "", list[tuple[int, str]]()
    at = 0
    for match in _tags(markup).finditer(raw):
        plain += _readable(raw[at : match.start()], markup)
        found.append((len(plain), match.group()))
        at = match.end()
    plain += _readable(raw[at:], markup)
    lead = len(plain) - len(plain.lstrip())
    start = _lead(plain, lead)
    bracketed = plain[lead:start].rstrip().endswith(("[", "("))
    last = (_AFTER if bracketed else _NOTES).search(plain, start)
    end = last.start() if last else len(plain.rstrip())
    if end <= start:
        return Part("", raw.strip())
    before, after, inside = plain[lead:start], plain[end:].rstrip(), []
    opened, closed = "", ""
    for position, tag in found:
        if position <= start:
            opened += tag
        elif position >= end:
            closed += tag
        else:
            inside.append(Tag((position - start) / (end - start), tag))
    text = re.sub(r"\s+", " ", plain[start:end]).strip()
    return Part(text, opened + _written(before, markup), _written(after, markup) + closed, tuple(inside))


def _readable(text: str, markup: Markup) -> str:
    return html.unescape(text) if markup == "vtt" else text.replace("\\h", " ") if markup == "ass" else text


def _written(text: str, markup: Markup) -> str:
    """Text as the markup wants it."""
    if markup == "vtt":
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if markup == "ass":
        return text.replace("{", "(").replace("}", ")").replace("\\", "\u29f5").replace("\n", "\\N")
    return text


def plain(raw: str, markup: Markup) -> str:
    """A raw text as people read it."""
    text = _tags(markup).sub("", raw)
    if markup == "ass":
        text = text.replace("\\N", "\n").replace("\\n", "\n")
    return _readable(text, markup)


def put_together(parts: Sequence[Part], texts: Sequence[str], markup: Markup) -> str:
    """The raw text of a cue: `texts` (lines parted by newlines) in the places of the parts' own."""
    end = "\\N" if markup == "ass" else "\n"
    return end.join(_restored(part, text, markup) for part, text in zip(parts, texts, strict=True))


def _restored(part: Part, text: str, markup: Markup) -> str:
    if not text:
        return part.before + part.after
    written, at = part.before, 0
    for tag in part.inside:
        cut = max(at, _edge(text, round(tag.share * len(text)), forward=tag.closes))
        written += _written(text[at:cut], markup) + tag.text
        at = cut
    return written + _written(text[at:], markup) + part.after


def _edge(text: str, at: int, *, forward: bool) -> int:
    """The nearest edge of a word: after it for a tag that closes, before it for one that opens."""
    if not any(char.isspace() for char in text):
        return at
    if forward:
        while at < len(text) and (text[at].isalnum() or text[at] in "'’"):
            at += 1
        while at and text[at - 1].isspace():
            at -= 1
        return at
    while 0 < at < len(text) and not text[at - 1].isspace():
        at -= 1
    return at
