"""Language tags: what Whisper calls languages, and what file names call them (BCP 47)."""

from __future__ import annotations

# The languages of multilingual Whisper models, by OpenAI's codes; yue came with large-v3.
WHISPER = frozenset(
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy "
    "id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru "
    "sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh".split()
)
_TO_BCP47 = {"jw": "jv"}
_FROM_BCP47 = {"jv": "jw", "nb": "no", "fil": "tl", "iw": "he", "in": "id", "cmn": "zh"}


def to_whisper(tag: str) -> str:
    """Whisper's code for a BCP 47 tag: pt for pt-BR. Not every result is one of WHISPER."""
    base = tag.replace("_", "-").split("-")[0].lower()
    return _FROM_BCP47.get(base, base)


def to_bcp47(code: str) -> str:
    """The BCP 47 tag for Whisper's code."""
    return _TO_BCP47.get(code, code)


# ISO 639-2 codes as containers carry them (both the bibliographic and the terminological ones), for Whisper's languages.
_ISO639_2 = {
    "afr": "af", "amh": "am", "ara": "ar", "aze": "az", "bel": "be", "bul": "bg", "ben": "bn", "bos": "bs", "cat": "ca",
    "ces": "cs", "cze": "cs", "cym": "cy", "wel": "cy", "dan": "da", "deu": "de", "ger": "de", "ell": "el", "gre": "el",
    "eng": "en", "spa": "es", "est": "et", "eus": "eu", "baq": "eu", "fas": "fa", "per": "fa", "fin": "fi", "fra": "fr",
    "fre": "fr", "glg": "gl", "guj": "gu", "heb": "he", "hin": "hi", "hrv": "hr", "hun": "hu", "hye": "hy", "arm": "hy",
    "ind": "id", "isl": "is", "ice": "is", "ita": "it", "jpn": "ja", "kat": "ka", "geo": "ka", "kaz": "kk", "khm": "km",
    "kan": "kn", "kor": "ko", "lat": "la", "lit": "lt", "lav": "lv", "mkd": "mk", "mac": "mk", "mal": "ml", "mon": "mn",
    "mar": "mr", "msa": "ms", "may": "ms", "mya": "my", "bur": "my", "nep": "ne", "nld": "nl", "dut": "nl", "nor": "no",
    "nob": "nb", "nno": "nn", "pan": "pa", "pol": "pl", "por": "pt", "ron": "ro", "rum": "ro", "rus": "ru", "slk": "sk",
    "slo": "sk", "slv": "sl", "sqi": "sq", "alb": "sq", "srp": "sr", "swe": "sv", "swa": "sw", "tam": "ta", "tel": "te",
    "tha": "th", "tur": "tr", "ukr": "uk", "urd": "ur", "uzb": "uz", "vie": "vi", "zho": "zh", "chi": "zh",
}  # fmt: skip


def from_iso639(code: str) -> str:
    """The BCP 47 tag for a container's language code; empty if it says nothing or is unknown."""
    short = code.split("-")[0].lower()
    if short in ("", "und", "mul", "zxx"):
        return ""
    return _ISO639_2.get(short, code if len(short) == 2 else "")


def to_iso639(tag: str) -> str:
    """The ISO 639-2 code (the terminological one) that containers want for a BCP 47 tag; und if there is none here."""
    base = tag.split("-")[0].lower()
    return next((code for code, short in _ISO639_2.items() if short == base), "und")
