"""The pipeline: sound -> speech -> chunks -> an engine, in batches -> judged -> words in the file's time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import NamedTuple

import msgspec
from msgspec import Struct

from reframed.speech import chunks, judge, vad
from reframed.speech.checkpoint import Checkpoint
from reframed.speech.chunks import Chunk
from reframed.speech.engine import Engine, Heard, Wish
from reframed.speech.sound import Sound
from reframed.speech.vad import Region
from reframed.speech.words import Span, Word, normalise

_AGAIN_S = 15.0
_TEMPERATURES = (0.2, 0.4, 0.8)
_LANGUAGE_S = 10.0
_LANGUAGE_SURE = 0.5
_LONGEST_WORD_S = 1.6


class Result(Struct, frozen=True):
    """What was heard in one chunk, in the file's time. `again`: how many parts of it had to be decoded again."""

    words: tuple[Word, ...]
    languages: tuple[tuple[str, float, float], ...]  # tag, probability, seconds of speech
    doubts: tuple[Span, ...] = ()
    again: int = 0


class Transcribed(NamedTuple):
    """The words of a whole file with its language, where speech is, and what is doubtful. Counts are of chunks."""

    words: tuple[Word, ...]
    language: str
    language_probability: float
    speech: tuple[Span, ...]
    doubts: tuple[Span, ...]
    chunks: int
    resumed: int
    again: int


def transcribe(
    engine: Engine,
    sound: Sound,
    wish: Wish,
    *,
    trust_vad: bool,
    checkpoint: Checkpoint,
    progress: Callable[[float], None],
) -> Transcribed:
    """Everything said in `sound`. What `checkpoint` holds of an earlier, broken-off run is not heard again."""
    speech = find_speech(sound, engine.workers, trust_vad)
    planned = chunks.pack(speech, sound.duration_s)
    results: dict[int, Result] = checkpoint.load(len(planned), Result)
    resumed = len(results)
    total = sum(chunk.duration_s for chunk in planned) or 1.0
    done = sum(planned[index].duration_s for index in results)
    progress(done / total)
    open_ones = [index for index in range(len(planned)) if index not in results]
    for index, result in _hear_all(engine, sound, wish, planned, open_ones):
        results[index] = result
        checkpoint.save(index, result)
        done += planned[index].duration_s
        progress(done / total)
    return _gather(sound, speech, [results[index] for index in range(len(planned))], resumed)


def find_speech(sound: Sound, threads: int, trust_vad: bool) -> list[Region]:
    """Where speech is: everywhere, if voice detection is not to be trusted."""
    if not trust_vad:
        return vad.everything(sound.duration_s, chunks.LONGEST_S - 1) if sound.samples else []
    voice = vad.probabilities(sound, max(1, threads))
    return vad.regions(voice, sound.duration_s, chunks.LONGEST_S - 1)


def _hear_all(
    engine: Engine, sound: Sound, wish: Wish, planned: list[Chunk], indexes: list[int]
) -> Iterator[tuple[int, Result]]:
    """Results as they come: `engine.workers` batches at once, and no more waiting than that."""
    with ThreadPoolExecutor(engine.workers) as pool:
        running: dict[Future[list[Result]], list[int]] = {}
        left = list(indexes)
        try:
            while left or running:
                while left and len(running) < engine.workers:
                    size = max(1, min(engine.batch, -(-len(left) // engine.workers)))
                    batch, left = left[:size], left[size:]
                    running[pool.submit(_hear, engine, sound, wish, [planned[i] for i in batch])] = batch
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield from zip(running.pop(future), future.result(), strict=True)
        finally:
            for future in running:
                future.cancel()


def _hear(engine: Engine, sound: Sound, wish: Wish, batch: Sequence[Chunk]) -> list[Result]:
    heard = engine.hear([chunk.sound(sound) for chunk in batch], wish)
    return [_settle(engine, sound, wish, chunk, one) for chunk, one in zip(batch, heard, strict=True)]


def _settle(engine: Engine, sound: Sound, wish: Wish, chunk: Chunk, heard: Heard) -> Result:
    """The chunk's result: as heard if it can be true, else after listening again, more carefully."""
    if heard.mixed:
        return _by_language(engine, sound, wish, chunk)
    words = _place(chunk, heard)
    faults = judge.faults(heard, words, chunk.speech)
    if not faults:
        return Result(words, _language(heard, chunk))
    if faults == [judge.UNHEARD] and words:
        return _filled(engine, sound, wish, chunk, Result(words, _language(heard, chunk)))
    parts = _parts(chunk, sound.duration_s)
    again = engine.hear([part.sound(sound) for part in parts], wish._replace(language=heard.language))
    results = [_best(engine, sound, wish, part, one) for part, one in zip(parts, again, strict=True)]
    return _together(results, again=len(parts))


def _parts(chunk: Chunk, duration_s: float) -> list[Chunk]:
    return chunks.pack(list(chunk.speech), duration_s, _AGAIN_S)


def _best(engine: Engine, sound: Sound, wish: Wish, part: Chunk, heard: Heard) -> Result:
    """The least doubtful of several hearings at rising temperature, as Whisper's own fallback does."""
    tries: list[tuple[int, float, Heard, list[str]]] = []
    for temperature in (0.0, *_TEMPERATURES):
        if temperature:
            asked = wish._replace(language=heard.language, temperature=temperature)
            heard = engine.hear([part.sound(sound)], asked)[0]
        faults = judge.faults(heard, _place(part, heard), part.speech)
        tries.append((len(faults), -heard.logprob, heard, faults))
        if not faults or judge.is_silence(heard):
            break
    _, _, best, faults = min(tries, key=lambda one: one[:2])
    if judge.is_silence(best):
        return Result((), (), (Span(part.start, part.end, "sound that the engine takes for noise"),))
    words = _without_loops(_place(part, best))
    if faults == [judge.UNHEARD] and words:
        return _filled(engine, sound, wish, part, Result(words, _language(best, part)))
    doubts = (Span(round(part.start, 2), round(part.end, 2), ", ".join(faults)),) if faults else ()
    return Result(words, _language(best, part), doubts)


def _filled(engine: Engine, sound: Sound, wish: Wish, chunk: Chunk, result: Result) -> Result:
    """The result with what is heard in its holes, each listened to by itself: Whisper leaves out what it takes for a
    repetition, but not when it hears nothing else."""
    wish = wish._replace(language=result.languages[0][0], temperature=0.0)
    parts = chunks.pack(judge.holes(result.words, chunk.speech), sound.duration_s, _AGAIN_S)
    heard = engine.hear([part.sound(sound) for part in parts], wish)
    found, doubts = list(result.words), []
    for part, one in zip(parts, heard, strict=True):
        words = _place(part, one)
        faults = judge.faults(one, words, part.speech)
        if faults:
            doubts.append(Span(round(part.start, 2), round(part.end, 2), ", ".join(faults)))
        if faults in ([], [judge.UNHEARD]):
            found += words
    ordered = sorted(found, key=lambda word: word.start)
    return Result(tuple(ordered), result.languages, tuple(doubts), result.again + len(parts))


def _without_loops(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """`words` without the endless part of a loop: what was said three times already is not said again."""
    while first := judge.repeats(words):
        words = words[: first + 1] + words[first + 2 :]
    return words


def _by_language(engine: Engine, sound: Sound, wish: Wish, chunk: Chunk) -> Result:
    """A chunk that may hold several languages: find out for each part of it, then hear every language on its own."""
    parts = chunks.pack(list(chunk.speech), sound.duration_s, _LANGUAGE_S)
    found = [engine.language(part.sound(sound)) for part in parts]
    sure = [language for language, probability in found if probability >= _LANGUAGE_SURE] or [found[0][0]]
    languages: list[str] = []
    for language, probability in found:  # an uncertain part speaks as the one before it
        languages.append(language if probability >= _LANGUAGE_SURE else (languages or sure)[-1])
    results = []
    for start, end in _runs(languages):
        regions = [region for part in parts[start:end] for region in part.speech]
        asked = wish._replace(language=languages[start])
        for one in chunks.pack(regions, sound.duration_s):
            heard = engine.hear([one.sound(sound)], asked)[0]
            sureness = max(probability for _, probability in found[start:end])
            results.append(_settle(engine, sound, asked, one, heard._replace(language_probability=sureness)))
    return _together(results, again=len(parts))


def _runs(items: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = 0
    for index in range(1, len(items) + 1):
        if index == len(items) or items[index] != items[start]:
            yield start, index
            start = index


def _together(results: Sequence[Result], again: int) -> Result:
    return Result(
        tuple(word for result in results for word in result.words),
        tuple(language for result in results for language in result.languages),
        tuple(doubt for result in results for doubt in result.doubts),
        again + sum(result.again for result in results),
    )


def _language(heard: Heard, chunk: Chunk) -> tuple[tuple[str, float, float], ...]:
    seconds = sum(region.length for region in chunk.speech)
    return ((heard.language, round(heard.language_probability, 4), round(seconds, 2)),)


def _place(chunk: Chunk, heard: Heard) -> tuple[Word, ...]:
    """The words in the file's time, with a start that is not before the voice and an end not long after it."""
    placed = []
    for word in heard.words:
        start, end = chunk.times(word.start, word.end)
        start, end = _to_voice(start, max(start, end), chunk.speech)
        placed.append(msgspec.structs.replace(word, start=start, end=end, language=heard.language))
    return tuple(placed)


def _to_voice(start: float, end: float, speech: Sequence[Region]) -> tuple[float, float]:
    """Alignment stretches words over pauses: cut off what is silent, and what no single word can take."""
    touched = max(speech, key=lambda region: min(end, region.end) - max(start, region.start))
    if min(end, touched.end) - max(start, touched.start) > 0:
        start, end = max(start, touched.start), min(end, touched.end)
    return (start, end) if end - start <= _LONGEST_WORD_S else (end - _LONGEST_WORD_S, end)


def _gather(sound: Sound, speech: list[Region], results: list[Result], resumed: int) -> Transcribed:
    seconds: dict[str, float] = {}
    sureness: dict[str, float] = {}
    for result in results:
        for language, probability, length in result.languages:
            seconds[language] = seconds.get(language, 0.0) + length
            sureness[language] = sureness.get(language, 0.0) + probability * length
    main = max(seconds, key=lambda language: seconds[language], default="und")
    words = [
        msgspec.structs.replace(word, language="") if word.language == main else word
        for result in results
        for word in result.words
    ]
    return Transcribed(
        words=normalise(words, sound.duration_s),
        language=main,
        language_probability=sureness[main] / seconds[main] if seconds.get(main) else 0.0,
        speech=tuple(Span(round(region.start, 3), round(region.end, 3)) for region in speech),
        doubts=tuple(doubt for result in results for doubt in result.doubts),
        chunks=len(results),
        resumed=resumed,
        again=sum(result.again for result in results),
    )
