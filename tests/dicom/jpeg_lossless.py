"""A JPEG Lossless encoder small enough to read (ITU-T T.81 annex H), so that fixtures do not come from the decoder."""

import struct

import numpy as np
from numpy.typing import NDArray

CODE_BITS = 5
"""Every difference category, 0 to 16, gets a code of five bits: the category itself."""

CATEGORIES = 17


def encode(image: NDArray[np.uint16]) -> bytes:
    """Return the codestream of a uint16 [rows, columns] image: 16 bits, one component, first-order prediction."""
    rows, columns = image.shape
    frame = struct.pack(">BHHB3B", 16, rows, columns, 1, 1, 0x11, 0)
    lengths = bytes(CATEGORIES if length == CODE_BITS else 0 for length in range(1, 17))
    table = b"\x00" + lengths + bytes(range(CATEGORIES))
    scan = bytes([1, 1, 0, 1, 0, 0])  # one component, its table, predictor 1 (the pixel to the left)
    data = _entropy_coded(image.astype(int))
    return b"\xff\xd8" + _segment(0xC3, frame) + _segment(0xC4, table) + _segment(0xDA, scan) + data + b"\xff\xd9"


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def _entropy_coded(image: NDArray[np.int64]) -> bytes:
    """Predict each pixel from its left neighbour, the first of a row from the one above, the first of all from 2^15."""
    predicted = np.empty_like(image)
    predicted[:, 1:] = image[:, :-1]
    predicted[1:, 0] = image[:-1, 0]
    predicted[0, 0] = 1 << 15
    bits = "".join(_difference_bits(int(difference)) for difference in (image - predicted).ravel())
    bits += "1" * (-len(bits) % 8)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return packed.replace(b"\xff", b"\xff\x00")


def _difference_bits(difference: int) -> str:
    difference = (difference + (1 << 15)) % (1 << 16) - (1 << 15)  # modulo 2^16 (H.1.2.1)
    if difference == -(1 << 15):
        return f"{16:0{CODE_BITS}b}"
    category = abs(difference).bit_length()
    code = f"{category:0{CODE_BITS}b}"
    value = difference if difference > 0 else difference + (1 << category) - 1
    return code + (f"{value:0{category}b}" if category else "")
