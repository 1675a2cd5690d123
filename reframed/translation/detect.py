"""Which language a text is in, where nothing says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

_LEAST_CHARS = 24
_SURE = 0.98
_MOST_CHARS = 20_000


@cache
def _identifier(languages: tuple[str, ...]) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    made = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    if languages:
        made.set_languages(list(languages))
    return made


def language_of(texts: Sequence[str]) -> str:
    """The language of `texts` together, as an ISO 639-1 code; empty if there is too little to tell."""
    whole = " ".join(texts)[:_MOST_CHARS]
    if sum(char.isalpha() for char in whole) < _LEAST_CHARS:
        return ""
    return str(_identifier(()).classify(whole)[0])


def is_in(target: str, source: str) -> Callable[[str], bool]:
    """Tells sentences that are surely in `target` and not in `source`; short ones never are."""
    one, two = target.split("-")[0], source.split("-")[0]
    try:
        identifier = _identifier((one, two))
    except ValueError:  # one of them is unknown to the identifier
        return lambda text: False

    def judge(text: str) -> bool:
        if len(text) < _LEAST_CHARS:
            return False
        language, sureness = identifier.classify(text)
        return bool(language == one and sureness > _SURE)

    return judge
