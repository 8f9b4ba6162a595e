"""Identifiers in any element of the dictionary, private or unknown, under any value representation, written by hand.

pydicom would not write most of these files; a scanner or a converter may have.
"""

import random
import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary, dictionary_VR

from tfspine.dicom.deidentify.folder import deidentify_source
from tfspine.dicom.deidentify.options import DEFAULT_OPTIONS
from tfspine.dicom.deidentify.pseudonyms import Salt
from tfspine.dicom.deidentify.transform import Rules
from tfspine.dicom.many import in_this_process
from tfspine.dicom.sources import open_source

RULES = Rules(DEFAULT_OPTIONS, Salt(b"a salt of more than sixteen bytes"))
VRS = "AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SS ST SV TM UC UI UL UN UR US UT UV".split()  # noqa: SIM905
LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
BINARY = {"AT", "FD", "FL", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "US", "UV"}
GROUPS = (0x0009, 0x0019, 0x0029, 0x2001, 0x2005, 0x7FE1)
CREATORS = ("SIEMENS MR HEADER", "Philips Imaging DD 001", "Philips MR Imaging DD 001", "ACME 1.1")
ENCODINGS = ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "gb18030")
Elements = dict[int, tuple[str, bytes]]


def image(uid: str, **texts: bytes) -> Elements:
    """Return the elements without which a file would be refused; the fuzz never touches them."""
    shorts = {
        0x00280002: 1,
        0x00280010: 2,
        0x00280011: 2,
        0x00280100: 16,
        0x00280101: 12,
        0x00280102: 11,
        0x00280103: 0,
    }
    return {
        0x00080005: ("CS", b"ISO_IR 192"),
        0x00080016: ("UI", b"1.2.840.10008.5.1.4.1.1.4"),
        0x00080018: ("UI", f"{uid}.2".encode()),
        0x00080060: ("CS", b"MR"),
        0x0020000D: ("UI", uid.encode()),
        0x0020000E: ("UI", f"{uid}.1".encode()),
        0x00280004: ("CS", b"MONOCHROME2"),
        0x7FE00010: ("OW", bytes(8)),
        0x00080050: ("SH", texts["accession"]),
        0x00100010: ("PN", texts["name"]),
        0x00100020: ("LO", texts["patient_id"]),
        0x00100030: ("DA", texts["birth"]),
        **{tag: ("US", struct.pack("<H", number)) for tag, number in shorts.items()},
    }


REFUSING = {
    0x00080008,
    0x00280008,
    0x00280301,
    0x00280302,
    *image("1", accession=b"", name=b"", patient_id=b"", birth=b""),
}
TAGS = [tag for tag in DicomDictionary if tag >= 0x00080000 and tag not in REFUSING and tag >> 16 != 0x7FE0]


def encoded(elements: Elements) -> bytes:
    """Write a data set in explicit VR, little endian (PS3.5 7.1.2)."""
    parts = []
    for tag, (vr, value) in sorted(elements.items()):
        padded = value + b"\0" * (len(value) % 2)
        head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
        size = struct.pack("<HI", 0, len(padded)) if vr in LONG else struct.pack("<H", len(padded))
        parts.append(head + size + padded)
    return b"".join(parts)


def file(elements: Elements) -> bytes:
    syntax = encoded({0x00020010: ("UI", b"1.2.840.10008.1.2.1")})
    return (
        bytes(128)
        + b"DICM"
        + encoded({0x00020000: ("UL", struct.pack("<I", len(syntax)))})
        + syntax
        + encoded(elements)
    )


def fuzz(rng: random.Random, secrets: list[str], depth: int) -> Elements:
    """Return elements of any tag and representation that hold the secrets in any encoding, at any depth."""
    found: Elements = {}
    for _ in range(rng.randrange(1, 12)):
        kind = rng.random()
        if kind < 0.7:
            tag = rng.choice(TAGS)
        elif kind < 0.9:
            tag = rng.choice(GROUPS) << 16 | rng.randrange(0x1000, 0x10FF)
        else:
            tag = (rng.randrange(0x0008, 0x7FDF) & ~1) << 16 | rng.randrange(1, 0xFFFF)
            if tag in REFUSING:
                continue
        own = dictionary_VR(tag).split(" or ")[0] if tag in DicomDictionary else "UN"
        vr = own if rng.random() < 0.6 and own in (*VRS, "SQ") else rng.choice(VRS)
        if depth and (vr == "SQ" or rng.random() < 0.2):
            bodies = [encoded(fuzz(rng, secrets, depth - 1)) for _ in range(rng.randrange(3))]
            value = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body for body in bodies)
            found[tag] = ("SQ", value)
            continue
        secret = rng.choice(secrets)
        text = rng.choice(("{}", "{}", "x{}x", "by {}, dr", "{0}^{0}", "12\\{}", "{}\0")).format(
            rng.choice((secret, secret.upper(), secret.lower()))
        )
        try:
            value = text.encode(rng.choice(ENCODINGS))
        except UnicodeEncodeError:
            value = text.encode()
        found[tag] = (
            "OB" if vr == "SQ" else vr,
            value.ljust(-(-len(value) // 8) * 8, b"\0") if vr in BINARY else value,
        )
    for group in {tag >> 16 for tag in found if tag >> 16 & 1}:
        found[group << 16 | 0x10] = ("LO", rng.choice((*CREATORS, secrets[0])).encode())
    return found


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=100)
@given(st.integers(0, 1 << 32))
@example(1245)  # a number under FL in an item that had been read before
@example(2337)  # an identifying element that holds an empty item: its bytes stand in every sequence
def test_identifiers_under_any_tag_and_representation_never_survive(seed: int) -> None:
    """A file is written without them or refused; the search, which would delete all, finds nothing either."""
    rng = random.Random(seed)
    letters = ["".join(rng.choices("bcdfghjkmnpqrtvwxz", k=size)) for size in (6, 8, 7)]
    uid = f"1.2.840.113619.{rng.randrange(10**11, 10**12)}"
    secrets = [*letters[:2], f"{letters[2]}-77", str(rng.randrange(41 * 10**8, 10**10)), "山田太郎", "19370417", uid]
    family, given_name, patient_id, accession, ideographs, birth, _ = (secret.encode() for secret in secrets)
    name = family + b"^" + given_name + b"=" + ideographs
    elements = fuzz(rng, secrets, 3) | image(uid, accession=accession, name=name, patient_id=patient_id, birth=birth)
    with tempfile.TemporaryDirectory() as place:
        folder, target = Path(place, "in"), Path(place, "out")
        folder.mkdir()
        (folder / "image").write_bytes(file(elements))
        with open_source(folder) as source:
            outcome = deidentify_source(source, target, RULES, runner=in_this_process, track=lambda items, *_: items)
        if not outcome.written:
            return
        (path,) = target.rglob("*.dcm")
        content = path.read_bytes().lower()
    forms = {secret.encode(code) for secret in secrets for code in ENCODINGS if secret.isascii() or code != "latin-1"}
    assert [form for form in forms if form in content] == []
