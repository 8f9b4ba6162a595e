"""Descriptions reduced to the words of MR imaging: a closed list, so that no name gets through.

Clean Descriptors (PS3.15 E.3.5) asks for values of similar meaning without identifying information. Of
``T2_TSE_SAG L-spine Mrs Doe`` stays ``T2 TSE SAG L SPINE``.
"""

import re

_WORDS = """
    T1 T2 T1W T2W PD PDW STAR T2STAR STIR TIRM FLAIR DWI DTI ADC MR MRI MRA SE TSE FSE FRFSE GE GRE TGRE FFE TFE EPI
    IR TIR SPIR SPAIR DIXON MDIXON IDEAL WATER FAT FS FATSAT SAT CUBE SPACE VISTA FIESTA CISS TRUFI HASTE BLADE
    PROPELLER MULTIVANE VIBE LAVA FLASH MEDIC MERGE MYELO MYELOGRAM PRE POST GD GAD CONTRAST NATIVE
    AX AXIAL TRA TRANS TRANSVERSE SAG SAGITTAL COR CORONAL OBL OBLIQUE LOC LOCALIZER LOCALISER SCOUT SURVEY SMARTBRAIN
    PLANE 2D 3D W WITH WITHOUT WO AND LUMBAR LUMBOSACRAL THORACIC CERVICAL SACRUM SPINE SPINAL L LS LSPINE TSPINE
    CSPINE WHOLE UPPER LOWER CANAL DISC DISCS L1 L2 L3 L4 L5 S1 T12 ROUTINE HIRES RES HIGH LOW FAST LARGE SMALL FOV
    BODY COIL IMAGE IMAGES SERIES STUDY STACK SLICE MM CALIBRATION SIMULATED
"""

DESCRIPTOR_WORDS = frozenset(_WORDS.split())


def clean_descriptor(value: str) -> str:
    """Return those words of a description that are on the list, in upper case and in order."""
    words = re.findall(r"[A-Za-z0-9]+", value)
    return " ".join(word.upper() for word in words if word.upper() in DESCRIPTOR_WORDS)
