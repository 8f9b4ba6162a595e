"""What descriptions say: contrast, fat suppression, Dixon's pictures, parts of the body, and what a NO takes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfspine.dicom.descriptions import read_description, words
from tfspine.dicom.series_words import GLUED, MEANING_OF, PAIRS, SAFE_WORDS, STEMS, SYMBOLS, Meaning


@pytest.mark.parametrize(
    "text",
    [
        "T1_SAG_DOTAREM", "SAG T1 POSTCONTRAST", "t1_tse_sag_post", "T1 SAG p.c.", "T1 SAG pc", "SAG T1 +G",
        "SAG T1 +Gd", "T1+C", "T1 C+", "SAG T1 C +", "t1_tse_sag_KM", "T1 TSE SAG nach KM",
        "T1 SAG mit Kontrastmittel", "T1 Gadovist", "T1 ProHance", "T1 SAG MAGNEVIST 15ML", "OMNISCAN T1",
        "T1 Clariscan", "T1 MULTIHANCE", "T1 Elucirem", "T1 INJ", "T1 apres injection", "T1 SAG dopo mdc",
        "T1 SAG M.D.C.", "T1 SAG GADO", "T1 gadolinium-enhanced", "SAGT1KM", "T1 CE", "T1ce", "T1 FS GD",
        "T1 NO FS POST GD", "T1 ohne FS KM", "W/O FATSAT +C", "POST GAD NON-FS", "T1 W GD", "T1 W/ CONTRAST",
        "T1 nativ und nach KM", "T1 SAG con contraste", "T1 Gadoterate",
        "T1 SAG C/C", "T1 SAG 增强", "T1 pos-contraste", "T1 m. KM",
    ],
)  # fmt: skip
def test_after_contrast(text: str) -> None:
    assert Meaning.CONTRAST in read_description(text).said


@pytest.mark.parametrize(
    "text",
    [
        "T1 SAG", "T1 SAG PRE", "PRE CONTRAST T1 SAG", "PRE T1 SAG GD", "T1 W/O CONTRAST", "T1 SAG ohne KM",
        "NON-CONTRAST T1", "T1 NONCONTRAST", "T1 sans injection", "T1 without IV contrast", "T1 senza mdc",
        "T1 SAG NATIV", "T1 SAG C-", "T1 UNENHANCED", "T1 SAG POST OP", "T1 POSTOP", "SAG T1 post-operative",
        "SAG T1 POST SURGERY", "POSTERIOR T1", "T1 NO GD CONTRAST", "T1 OHNEKM", "T1 NO FS OR GD", "SAG T1 C-SPINE",
        "T1 W/O & W CONTRAST", "T1 keine KM",
        "T1 S/CONTRASTE", "T1 SAG S/C", "T1 o.KM", "T1 o. KM", "T1 ss inj", "T1 ss gado", "T1 平扫", "T1 senza mdc",
    ],
)  # fmt: skip
def test_not_after_contrast(text: str) -> None:
    assert Meaning.CONTRAST not in read_description(text).said


@pytest.mark.parametrize(
    "text",
    [
        "T1 FS SAG", "T1 FATSAT", "T1 fat sat", "T1 FatSupp", "T1 fat-suppressed", "T1 SPIR", "T2 SPAIR", "T1 F/S",
        "T1 F.S.", "T1SAGFS", "T2 CHESS", "T1 Fettsättigung", "T1 sat graisse", "T2 water excitation",
        "T1 FS NO CONTRAST", "T1 FS W/O GD",
    ],
)  # fmt: skip
def test_fat_suppressed(text: str) -> None:
    assert Meaning.FAT_DARK in read_description(text).said


@pytest.mark.parametrize(
    "text",
    [
        "SAG T1 NO FS", "SAG T1 NON-FS", "SAG T1 W/O FATSAT", "T1 NOFS", "T1 NON FATSAT", "T1 ohne FS",
        "T1 w/o fat sat", "T1 without fat suppression", "T1 sans FS", "T1 FATSAT OFF", "T1 no fat-sat", "T1 SAG",
        "T2 SAT BAND", "T1 wo FS",
    ],
)  # fmt: skip
def test_not_fat_suppressed(text: str) -> None:
    assert Meaning.FAT_DARK not in read_description(text).said


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("OutPhase: Sag T1 FSE", Meaning.OUT_PHASE),
        ("Sag T1 out of phase", Meaning.OUT_PHASE),
        ("WATER: Sag T1 FSE", Meaning.WATER),
        ("FAT: Sag T1 FSE", Meaning.FAT),
        ("InPhase: Sag T1 FSE", Meaning.IN_PHASE),
        ("t1_tse_dixon_sag_in", Meaning.IN_PHASE),
        ("t1_tse_dixon_sag_opp", Meaning.OUT_PHASE),
        ("t1_tse_dixon_sag_W", Meaning.WATER),
        ("t1_tse_dixon_sag_F", Meaning.FAT),
        ("mDIXON-W T2", Meaning.WATER),
        ("T1 SAG W CONTRAST", None),
        ("T1 DIXON W GD", None),
        ("T1 sag in supine", None),
        ("T1 FAT SAT", None),
        ("T1 DIXON in opp W F", None),
    ],
)
def test_pictures_of_dixons_method(text: str, part: Meaning | None) -> None:
    assert read_description(text).dixon_part is part


@pytest.mark.parametrize(
    ("text", "is_lumbar", "is_elsewhere"),
    [
        ("MRI L-SPINE", True, False),
        ("LS SPINE", True, False),
        ("Rachis lombaire", True, False),
        ("T2 LWS", True, False),
        ("MRI LWK", True, False),
        ("L-SPINE_LSS", True, False),
        ("THORACO-LUMBAR SPINE", True, False),
        ("T2 C-SPINE", False, True),
        ("T2 HWS", False, True),
        ("BWS", False, True),
        ("T SPINE", False, True),
        ("CERVICAL", False, True),
        ("ABDOMEN", False, True),
        ("HEAD FIRST", False, False),
        ("T2 HEAD NECK COIL", False, False),
        ("Lombardi", False, False),
        ("MRI C-SPINE AND L-SPINE", True, True),
    ],
)
def test_parts_of_the_body(text: str, is_lumbar: bool, is_elsewhere: bool) -> None:
    said = read_description(text).said
    elsewhere = {Meaning.ELSEWHERE, Meaning.OTHER_SPINE} & set(said)
    assert (Meaning.LUMBAR in said, bool(elsewhere)) == (is_lumbar, is_elsewhere)


@pytest.mark.parametrize(
    ("text", "weighting"),
    [("t2_tse_tra", "T2"), ("Axial T2", "T2"), ("T1", "T1"), ("Sagittal T2/STIR", ""), ("T1 T2", ""), ("SAG PD", "")],
)
def test_weighting_that_is_named(text: str, weighting: str) -> None:
    assert read_description(text).weighting == weighting


def test_every_word_of_the_vocabulary_is_a_word_and_every_rule_ends_in_one() -> None:
    assert {word for word in SAFE_WORDS if words(word) != (word,)} == set()
    results = {word for _, word in (*SYMBOLS, *STEMS)} | set(PAIRS.values()) | set(GLUED)
    assert results | {word for pair in PAIRS for word in pair} <= SAFE_WORDS
    assert all(isinstance(meaning, Meaning) for meaning in MEANING_OF.values())


texts = st.lists(
    st.one_of(
        st.sampled_from(sorted(SAFE_WORDS)),
        st.sampled_from(
            ["Doe", "Smith", "C", "L", "T", "S", "P", "+", "-", "W/", "/O", "o", "SP", "4", "T1SAG", "(c)"]
        ),
        st.text(max_size=4),
    ),
    max_size=9,
).flatmap(lambda parts: st.sampled_from(["", " ", "_", "-", "/"]).map(lambda joint: joint.join(parts)))


@given(texts)
def test_a_description_says_the_same_without_its_other_words(text: str) -> None:
    """De-identification keeps the words of the vocabulary, in order, and nothing else."""
    kept = " ".join(words(text))
    assert words(kept) == words(text)
    assert read_description(kept) == read_description(text)
