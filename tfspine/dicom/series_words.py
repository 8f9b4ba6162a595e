"""The vocabulary of series descriptions: what each word means for the choice of a series, and which may be kept.

Descriptions are typed by people of many countries. A word that is in none of these groups has no effect. The groups are
the whole vocabulary: de-identification keeps exactly `SAFE_WORDS`, so a description has the same meaning before and
after it. Words are in the form that the tokenizer (`descriptions.py`) produces: capitals without accents, and one word
for what is also typed as two (FAT SAT is FATSAT, W/O is WO).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tfspine.compat import StrEnum


class Meaning(StrEnum):
    """What a word means for a series."""

    T1 = "T1-weighted"
    T2 = "T2-weighted"
    PD = "proton-density-weighted"
    CONTRAST = "after a contrast agent"
    FAT_DARK = "fat-suppressed"
    INVERSION = "short inversion recovery, in which fat is dark"
    DIXON = "Dixon's method"
    IN_PHASE = "in phase"
    OUT_PHASE = "out of phase"
    WATER = "water alone"
    FAT = "fat alone"
    LUMBAR = "lumbar spine"
    ELSEWHERE = "another part of the body"
    OTHER_SPINE = "another section of the spine"
    SECONDARY = "no picture for reading"
    NOT = "what follows is not so"
    BEFORE = "before what follows"
    OR = "a negation goes on to what follows"
    EQUIPMENT = "the part of the body before it names a coil or a position"
    NEUTRAL = "nothing that decides"


@dataclass(frozen=True)
class WordGroup:
    """Words with one meaning, and their source."""

    meaning: Meaning
    words: str
    source: str


GROUPS: tuple[WordGroup, ...] = (
    WordGroup(Meaning.T1, "T1 T1W T1WI", "weightings, RadLex RID10794"),
    WordGroup(Meaning.T2, "T2 T2W T2WI", "weightings, RadLex RID10795"),
    WordGroup(Meaning.PD, "PD PDW PDWI DP", "proton density; DP, densite de protons, in French"),
    WordGroup(
        Meaning.CONTRAST,
        "DOTAREM DOTAGRAF CLARISCAN CYCLOLUX ARTIREM GADOVIST GADAVIST GADOGRAF PIXXOSCAN PROHANCE MAGNEVIST "
        "MAGNEGITA MAGNOGRAF OMNISCAN MULTIHANCE OPTIMARK PRIMOVIST EOVIST VASOVIST ABLAVAR ELUCIREM VUEWAY",
        "trade names: EMA/625317/2017, annex I; FDA drug safety communication of 2017-12-19; FDA NDA 216986 (2022)",
    ),
    WordGroup(
        Meaning.CONTRAST,
        "GADOTERATE GADOTERIC GADOTERAT GADOBUTROL GADOTERIDOL GADOPENTETATE GADOPENTETIC GADODIAMIDE "
        "GADODIAMID GADOBENATE GADOBENIC GADOXETATE GADOXETIC GADOVERSETAMIDE GADOFOSVESET GADOPICLENOL "
        "MEGLUMINE",
        "substances: the same, and their INN",
    ),
    WordGroup(
        Meaning.CONTRAST,
        "GADOLINIUM GADOLINIO GADOLINO GADOLIN GADO GAD GADS GD GDDTPA DTPA KM KMG KONTRAST KONTRASTMITTEL "
        "CONTRAST CONTRASTE CONTRASTO CONTR CONT CE MDC PDC CIV INJ INJECT INJECTED INJECTION INJECTE "
        "INJECTEE ENHANCED ENH T1C T1CE",
        "usual abbreviations: contrast-enhanced; German Kontrastmittel; Italian mezzo di contrasto; French produit de "
        "contraste; Spanish contraste intravenoso",
    ),
    WordGroup(
        Meaning.CONTRAST,
        "POST POSTCONTRAST POSTCONTRASTE POSTC POSTCON POSTGD POSTGAD POSTGADO POSTKM POSTINJ P.C. PC +C C+ "
        "+GD GD+ +KM KM+",
        "usual abbreviations: post contrastum; an agent after or before a plus",
    ),
    WordGroup(
        Meaning.FAT_DARK,
        "FS FATSAT FATSUPP FATSUP FATSUPPRESSED FATSUPPRESSION FATSATURATED FATSATURATION FSAT FASAT CHEMSAT "
        "CHESS SPIR SPAIR ASPIR PROSET WATS QFATSAT FETTSAT FETTSUPP FETTGESAETTIGT FETTUNTERDRUECKT "
        "FETTSUPPRESSION SATGRAISSE SATFAT WATERONLY WATEREXC WE",
        "vendors' names: MRI acronyms of Siemens, GE, Philips, Canon and Hitachi (Siemens Healthineers 2018); German, "
        "French and Dutch",
    ),
    WordGroup(Meaning.INVERSION, "STIR TIRM", "the same acronyms: short tau inversion recovery"),
    WordGroup(
        Meaning.DIXON, "DIXON MDIXON DIX IDEAL FLEX WFOP WFI", "the same: Siemens and Philips, GE, Canon and Hitachi"
    ),
    WordGroup(Meaning.IN_PHASE, "INPHASE IP IN", "PS3.3 C.8.13.3.1 IN_PHASE; GE InPhase, Siemens _in, Philips IP"),
    WordGroup(
        Meaning.OUT_PHASE, "OUTPHASE OPP OPPOSED OP OUT", "PS3.3 OUT_PHASE; GE OutPhase, Siemens _opp, Philips OP"
    ),
    WordGroup(Meaning.WATER, "WATER WASSER EAU W", "PS3.3 WATER; GE WATER, Siemens _W"),
    WordGroup(
        Meaning.FAT, "FAT FETT GRAISSE F FATFRAC FATFRACTION FF", "PS3.3 FAT and FAT_FRACTION; GE FAT, Siemens _F"
    ),
    WordGroup(
        Meaning.LUMBAR,
        "LSPINE LSSPINE LUMBAR LUMBARSPINE LUMBALE LUMBAL LUMBALER LUMBOSACRAL LUMBO LOMBAIRE LOMBARE LOMBAR "
        "LUMBARE LOMBOSACRE LUMBOSACRA THORACOLUMBAR DORSOLUMBAR DORSOLOMBAIRE LWS LWK LWZ LSS "
        "LENDENWIRBELSAEULE",
        "PS3.16 CID 4031 (LSPINE, TLSPINE, LSSPINE); German, Dutch, French, Italian and Spanish",
    ),
    WordGroup(Meaning.LUMBAR, "TLSPINE", "PS3.16 Table L-1"),
    WordGroup(
        Meaning.OTHER_SPINE,
        "CSPINE CTSPINE CERVICAL CERVICALE CERVICALES CERVICOTHORACIC CERV HWS HALSWIRBELSAEULE CWK NECK HALS COU",
        "PS3.16 CID 4031: CSPINE, NECK; German, Dutch and French",
    ),
    WordGroup(
        Meaning.OTHER_SPINE,
        "TSPINE THORACIC THORACALE THORAX DORSAL DORSALE BWS TWK CHEST BRUSTWIRBELSAEULE",
        "PS3.16 CID 4031: TSPINE, CHEST; German, Dutch, French and Italian",
    ),
    WordGroup(
        Meaning.ELSEWHERE,
        "BRAIN HEAD SKULL KOPF SCHAEDEL HIRN CRANE CEREBRAL ENCEPHALE ENCEFALO CRANEO KNEE KNEES KNIE GENOU "
        "HIP HIPS HUEFTE HANCHE SHOULDER SHOULDERS SCHULTER EPAULE ABDOMEN ABDOMINAL LIVER LEBER FOIE PELVIS "
        "PELVIC BECKEN BASSIN BREAST PROSTATE PROSTATA HEART CARDIAC HERZ COEUR WRIST ELBOW ANKLE FOOT FEET "
        "HAND",
        "PS3.16 CID 4031; German, French, Italian and Spanish",
    ),
    WordGroup(
        Meaning.SECONDARY,
        "POSDISP LOC LOCALIZER LOCALIZERS LOCALISER LOCALISATEUR LOCATOR LOKALISER LOCA SCOUT SCOUTS SURVEY "
        "SMARTBRAIN SMARTSPINE MYELO MYELOGRAM MYELOGRAPHY MYELOGRAFIE MYELOGRAPHIE REFORMAT REFORMATTED "
        "REFORMATS MPR MIP CALIBRATION CALIB",
        "PS3.3 C.8.3.1.1.1 LOCALIZER; vendors' names of planning scans, calibrations and reformatted pictures",
    ),
    WordGroup(
        Meaning.NOT,
        "NO NON NOT NONE WITHOUT WO OHNE KEIN KEINE SANS SENZA SIN SEM ZONDER UNENHANCED NONCONTRAST C- OFF",
        "English, German, French, Italian, Spanish, Portuguese and Dutch; W/O and C- as technologists type them",
    ),
    WordGroup(
        Meaning.BEFORE,
        "PRE PRECONTRAST PREGAD PREGD PREKM NATIVE NATIV NATIVO VOR AVANT BEFORE ANTES PRIMA PLAIN",
        "English, German, French, Spanish and Italian",
    ),
    WordGroup(Meaning.OR, "OR NOR ODER OU NI", "a negation reaches over these to another word"),
    WordGroup(Meaning.EQUIPMENT, "COIL COILS SPULE ARRAY FIRST", "a coil, or HEAD FIRST of PatientPosition"),
    WordGroup(
        Meaning.NEUTRAL,
        "STAR T2STAR FLAIR DWI DTI ADC MR MRI MRA IRM RM SE TSE FSE FRFSE RSE GE GRE TGRE FFE TFE EPI IR TIR "
        "SAT SUPP SUPPRESSION SUPPRESSED SATURATION SATURATED CUBE SPACE VISTA FIESTA CISS TRUFI HASTE SSFSE "
        "BLADE PROPELLER JET MULTIVANE VIBE LAVA FLASH MEDIC MERGE CS SENSE ASSET GRAPPA WARP MAVRIC VAT "
        "DRIVE RST DRB DEEPRESOLVE",
        "sequences that decide nothing here: what they are is measured",
    ),
    WordGroup(
        Meaning.NEUTRAL,
        "AX AXIAL AXIALE AXIALES TRA TRANS TRANSVERSE TRANSVERSAL TRANSVERSALE SAG SAGITTAL SAGITTALE SAGITAL "
        "COR CORONAL OBL OBLIQUE PLANE PLANES 2D 3D",
        "planes, which are measured",
    ),
    WordGroup(
        Meaning.NEUTRAL,
        "WITH MIT AVEC CON COM MET NACH AFTER APRES DOPO DESPUES IV AND UND ET POSTOP PREOP OPERATION PHASE "
        "ONLY EXC EXCITATION TECHNIQUE MOTION ARTIFACT WRAP FLOW COMP BREATH HOLD REPEAT RPT WDH REP NEW "
        "FILTER NORM",
        "what stands between the words that decide",
    ),
    WordGroup(
        Meaning.NEUTRAL,
        "SACRUM SACRAL SPINE SPINAL SPINES RACHIS COLUMNA COLONNA COLONNE WS WIRBELSAEULE WHOLE TOTAL UPPER "
        "LOWER CANAL DISC DISCS DISK DISKS L1 L2 L3 L4 L5 S1 T12 LEVEL LEVELS STENOSIS",
        "the spine as a whole and its levels",
    ),
    WordGroup(
        Meaning.NEUTRAL,
        "ROUTINE CLINICAL LIBRARIES HIRES RES HIGH LOW FAST LARGE SMALL FOV BODY IMAGE IMAGES SERIES STUDY "
        "STACK SLICE MM THIN THICK SIMULATED ND DIS2D DIS3D",
        "how a protocol was set",
    ),
)

MEANING_OF: Mapping[str, Meaning] = {word: group.meaning for group in GROUPS for word in group.words.split()}

SAFE_WORDS = frozenset(MEANING_OF)
"""All words that are safe to keep in a description, since none can identify a person."""

SYMBOLS: tuple[tuple[str, str], ...] = (
    (r"\bW ?/ ?O\b", "WO"),
    (r"\b(?:S ?/ ?|SS |O(?:\. ?| ))(?=(?:[CK]ONTR|GD|GAD|KM|INJ|IV|FS|FAT)[A-Z]*\b)", "WO"),
    (r"\bS ?/ ?C\b", "C-"),
    (r"\bC ?/ ?C\b", "C+"),
    (r"\bW ?[/+]", "WITH"),
    (r"\bF[/.]S\b\.?", "FS"),
    (r"\bP ?[./] ?C\b\.?", "P.C."),
    (r"\bM\.D\.C\b\.?", "MDC"),
    (r"\+ ?(?:C|G|K)\b", "+C"),
    (r"\+ ?(?:GD|GAD)\b", "+GD"),
    (r"\+ ?(?:KM|CM|CE)\b", "+KM"),
    (r"\b(?:C|G) ?\+", "C+"),
    (r"\b(?:GD|GAD) ?\+", "GD+"),
    (r"\b(?:KM|CM) ?\+", "KM+"),
    (r"\bC-(?= |$)", "C-"),
    (r"\b(?:T ?[-/]? ?L|THORA[CK]O[- ]?LUMBAR) ?[-.]? ?SPINE\b", "TLSPINE"),
    (r"\bC ?[-/.]? ?SP(?:INE)?\b", "CSPINE"),
    (r"\bTH? ?[-.]? ?SP(?:INE)?\b", "TSPINE"),
    (r"\bL ?[-/.]? ?S ?[-.]? ?SP(?:INE)?\b", "LSSPINE"),
    (r"\bL ?[-.]? ?SP(?:INE)?\b", "LSPINE"),
    ("增强|增強|造影", "CONTRAST"),
    ("平扫|平掃|単純", "NATIVE"),
    ("压脂|壓脂|脂肪抑制", "FATSAT"),
    ("腰椎|腰骶椎", "LUMBAR"),
    ("颈椎|頸椎|頚椎", "CERVICAL"),
    ("胸椎", "THORACIC"),
)
"""Patterns that contain signs or single letters, in the order in which they are tried, and the word for each.

S/ and SS are short for sin, sans and senza, O. for ohne; the last are Chinese and Japanese.

Single letters are words only here; elsewhere, removing a name next to one could change its meaning.
"""

STEMS: tuple[tuple[str, str], ...] = (
    (r"(?:THORA[CK]O|DORSO)?L[UO]MB(?!ARD).*", "LUMBAR"),
    (r"CERVIC.*", "CERVICAL"),
    (r"THORA[CK].*", "THORACIC"),
    (r"LOCALI[SZ].*", "LOCALIZER"),
    (r"(?:SCOUT|SURVEY|REFORMAT).*", "SCOUT"),
    (r"MYELO.*", "MYELO"),
    (r"GADO[BDFLPTVX].*", "GADOLINIUM"),
    (r"[CK]ONTRAST.*", "CONTRAST"),
    (r"INJE[CK].*", "INJ"),
    (r"ENHANC.*", "ENHANCED"),
    (r"NATIV.*", "NATIVE"),
    (r"(?:FAT|FETT)SA(?:T|ET).*", "FATSAT"),
    (r"(?:FAT|FETT)SUP.*|FETTUNTERDR.*", "FATSUPP"),
    (r"SUPPR.*", "SUPP"),
    (r"SATUR.*", "SATURATION"),
    (r"POSTOP.*", "POSTOP"),
    (r"(?:OPERAT|SURG|FUSION|LAMINECT|SPONDYLOD).*", "OPERATION"),
)
"""Prefixes of words, and the word that stands for all words with the prefix."""

PAIRS: Mapping[tuple[str, str], str] = {
    ("FAT", "SAT"): "FATSAT",
    ("FAT", "SATURATION"): "FATSAT",
    ("FAT", "SATURATED"): "FATSAT",
    ("FAT", "SUPP"): "FATSUPP",
    ("FAT", "SUPPRESSION"): "FATSUPP",
    ("FAT", "SUPPRESSED"): "FATSUPP",
    ("FETT", "SAT"): "FATSAT",
    ("SAT", "FAT"): "FATSAT",
    ("SAT", "GRAISSE"): "SATGRAISSE",
    ("WATER", "ONLY"): "WATERONLY",
    ("WATER", "EXC"): "WATEREXC",
    ("WATER", "EXCITATION"): "WATEREXC",
    ("IN", "PHASE"): "INPHASE",
    ("OUT", "PHASE"): "OUTPHASE",
    ("OPP", "PHASE"): "OUTPHASE",
    ("OPPOSED", "PHASE"): "OUTPHASE",
    ("POST", "OP"): "POSTOP",
    ("POST", "OPERATION"): "POSTOP",
    ("PRE", "OP"): "PREOP",
    ("PRE", "OPERATION"): "PREOP",
}
"""Pairs of words that are joined to one."""

_GLUED = """
    T1 T1W T2 T2W PD STIR TIRM FS FATSAT SPIR SPAIR GD KM CE GAD GADO CONTRAST SAG TRA AX COR TSE FSE SE NO NON OHNE WO
    SANS WITHOUT POST PRE NACH LUMBAR LSPINE LWS DIXON
"""
GLUED = frozenset(_GLUED.split())
"""Words that people also write without a blank between them, as in T1SAGFS or NOFS."""
