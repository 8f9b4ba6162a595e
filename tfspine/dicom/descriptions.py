"""What a series description means: its words, from the vocabulary of `series_words.py`, and what they negate.

Words outside the vocabulary are ignored from the start. A description therefore keeps its meaning when
de-identification removes such words.
"""

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tfspine.dicom.series_words import GLUED, MEANING_OF, PAIRS, SAFE_WORDS, STEMS, SYMBOLS, Meaning

DIXON_PARTS = (Meaning.IN_PHASE, Meaning.OUT_PHASE, Meaning.WATER, Meaning.FAT)

DENIABLE = frozenset({Meaning.CONTRAST, Meaning.FAT_DARK, Meaning.INVERSION, Meaning.DIXON, *DIXON_PARTS})
"""Meanings that a preceding NO negates."""

ONLY_OF_DIXON = frozenset(["W", "F", "IN", "OUT", "OP", "OPP", "OPPOSED", "IP", "FF"])
"""Words so short or common that they denote a Dixon image only if the Dixon method is named too."""

ALSO_SAYS = {"T1C": Meaning.T1, "T1CE": Meaning.T1}

DENY_CONTRAST_THEMSELVES = frozenset(["C-", "UNENHANCED", "NONCONTRAST", "PRECONTRAST", "PREGAD", "PREGD", "PREKM"])

FILLERS = frozenset(["IV", "AND", "UND", "ET", "WITH", "W", "MIT", "AVEC", "CON", "COM", "MET"])
"""What may stand between a NO and what it negates: "without and with contrast" does not mean that any was given."""

SINGLE_BODY = frozenset(["SPINE", "BODY", "UND", "AND"])
"""What may stand among the parts of the body that name one coil."""

_TOKEN = re.compile("|".join(f"(?P<s{number}>{pattern})" for number, (pattern, _) in enumerate(SYMBOLS)) + "|[A-Z0-9]+")
_STEMS = tuple((re.compile(pattern), word) for pattern, word in STEMS)
_FAT_OR_CONTRAST = frozenset({Meaning.FAT_DARK, Meaning.CONTRAST, Meaning.INVERSION})
_WEIGHTINGS = frozenset({Meaning.T1, Meaning.T2, Meaning.PD, Meaning.INVERSION})


@dataclass(frozen=True)
class Description:
    """The meaning of a description: `said` and `denied` map meanings to words; negated ones are only in `denied`."""

    words: tuple[str, ...]
    said: Mapping[Meaning, str]
    denied: Mapping[Meaning, str]

    @property
    def weighting(self) -> str:
        """``"T1"`` or ``"T2"`` if exactly one weighting is named, else an empty text."""
        named = [meaning for meaning in (Meaning.T1, Meaning.T2, Meaning.PD, Meaning.INVERSION) if meaning in self.said]
        return named[0].name if len(named) == 1 and named[0] in (Meaning.T1, Meaning.T2) else ""

    @property
    def dixon_part(self) -> Meaning | None:
        """The Dixon image that is named, if exactly one is (a description may also list all four)."""
        named = [meaning for meaning in DIXON_PARTS if meaning in self.said]
        return named[0] if len(named) == 1 else None


@functools.lru_cache(maxsize=4096)
def read_description(text: str) -> Description:
    """Return the meaning of a description; `text` is the header value, in upper or lower case."""
    tokens = words(text)
    is_denied, is_idle = _denied(tokens), _idle(tokens)
    said: dict[Meaning, str] = {}
    denied: dict[Meaning, str] = {}
    has_dixon = any(MEANING_OF[word] is Meaning.DIXON for word in tokens)
    for number, word in enumerate(tokens):
        meaning = MEANING_OF[word]
        if word in DENY_CONTRAST_THEMSELVES:
            denied.setdefault(Meaning.CONTRAST, word)
        if number in is_idle or (word in ONLY_OF_DIXON and not has_dixon):
            continue
        (denied if number in is_denied else said).setdefault(meaning, word)
        if word in ALSO_SAYS:
            said.setdefault(ALSO_SAYS[word], word)
    said = {meaning: word for meaning, word in said.items() if meaning not in denied}
    return Description(tokens, said, denied)


def words(text: str) -> tuple[str, ...]:
    """Return the words of a description that are in the vocabulary, in order; the others are dropped.

    ``words(" ".join(words(text)))`` is ``words(text)`` again.
    """
    return _paired([word for token in _TOKEN.finditer(_plain(text)) for word in _known(token)])


def _plain(text: str) -> str:
    """Return a text in capitals without accents, with underscores, carets and line ends replaced by blanks."""
    expanded = text.replace("ß", "ss").replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    expanded = expanded.replace("Ä", "AE").replace("Ö", "OE").replace("Ü", "UE")
    letters = unicodedata.normalize("NFKD", expanded)
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter)).upper()
    return re.sub(r"[_^\s]+", " ", bare).strip()


def _known(token: re.Match[str]) -> Sequence[str]:
    """Return the words of the vocabulary that one token stands for; often there are none."""
    if token.lastgroup is not None:
        return [SYMBOLS[int(token.lastgroup[1:])][1]]
    word = token[0]
    if word in SAFE_WORDS:
        return [word]
    for pattern, family in _STEMS:
        if pattern.fullmatch(word):
            return [family]
    return next((pieces for pieces in _pieces(word) if _is_glued(pieces)), ())


def _pieces(word: str) -> Iterator[tuple[str, ...]]:
    """Yield the ways in which a word can be split into words of `GLUED`, longer pieces first."""
    if not word:
        yield ()
    for length in range(len(word), 1, -1):
        if word[:length] in GLUED:
            yield from ((word[:length], *rest) for rest in _pieces(word[length:]))


def _is_glued(pieces: Sequence[str]) -> bool:
    """Return whether pieces form a description: they contain a weighting, or a negation and what it negates."""
    meanings = [MEANING_OF[piece] for piece in pieces]
    is_denial = meanings[0] in (Meaning.NOT, Meaning.BEFORE) and bool(_FAT_OR_CONTRAST & set(meanings[1:]))
    return is_denial or bool(_WEIGHTINGS & set(meanings))


def _paired(tokens: list[str]) -> tuple[str, ...]:
    """Join `PAIRS` until none are left."""
    joined: list[str] = []
    for word in tokens:
        joined.append(word)
        while len(joined) > 1 and (pair := PAIRS.get((joined[-2], joined[-1]))):
            joined[-2:] = [pair]
    return tuple(joined)


def _denied(tokens: Sequence[str]) -> frozenset[int]:
    """Return the positions of the words that a NO, a PRE or an OFF negates."""
    found: set[int] = set()
    for number, word in enumerate(tokens):
        meaning = MEANING_OF[word]
        if word == "OFF":
            found |= {number - 1} if number and MEANING_OF[tokens[number - 1]] in DENIABLE else set()
        elif meaning is Meaning.NOT and word not in DENY_CONTRAST_THEMSELVES:
            found |= _reached(tokens, number + 1, DENIABLE)
        elif meaning is Meaning.BEFORE:
            found |= _reached(tokens, _next_contrast(tokens, number + 1), frozenset({Meaning.CONTRAST}))
    return frozenset(found)


def _reached(tokens: Sequence[str], start: int, deniable: frozenset[Meaning]) -> set[int]:
    """Return the positions that a negation covers: the next word, others of the same meaning, and more after an OR."""
    reached: set[int] = set()
    meaning: Meaning | None = None
    for number in range(start, len(tokens)):
        word = tokens[number]
        if MEANING_OF[word] is Meaning.OR:
            meaning = None
        elif MEANING_OF[word] in deniable and meaning in (None, MEANING_OF[word]) and not _is_with(tokens, number):
            if "+" in word:
                break
            meaning = MEANING_OF[word]
            reached.add(number)
        elif word not in FILLERS:
            break
    return reached


def _is_with(tokens: Sequence[str], number: int) -> bool:
    """Return whether a W stands for "with" (contrast) and not for "water"."""
    return tokens[number] == "W" and MEANING_OF.get("".join(tokens[number + 1 : number + 2])) is Meaning.CONTRAST


def _next_contrast(tokens: Sequence[str], start: int) -> int:
    """Return the position of the next word for contrast that is not separated by an AND from what comes before it."""
    for number in range(start, len(tokens)):
        if MEANING_OF[tokens[number]] is Meaning.CONTRAST:
            return number
        if tokens[number] in ("AND", "UND", "ET"):
            break
    return len(tokens)


def _idle(tokens: Sequence[str]) -> frozenset[int]:
    """Return the positions of words that have another meaning here: HEAD in HEAD FIRST, NECK in HEAD NECK COIL."""
    found: set[int] = set()
    for number, word in enumerate(tokens):
        if MEANING_OF[word] is Meaning.EQUIPMENT:
            before = itertools.takewhile(
                lambda place: (
                    MEANING_OF[tokens[place]] in (Meaning.ELSEWHERE, Meaning.OTHER_SPINE)
                    or tokens[place] in SINGLE_BODY
                ),
                range(number - 1, -1, -1),
            )
            found |= set(before)
        elif word == "W" and _is_with(tokens, number):
            found.add(number)
    return frozenset(found)
