"""Small files of kinds that Pillow reads and does not write."""

import struct
import zlib

import numpy as np

UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # TIFF's SampleFormat
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, LAB = 0, 1, 2, 8  # TIFF's PhotometricInterpretation


def write_tiff(path, pixels, kind, photometric=BLACK_IS_ZERO, *, bits=None, width=None, extra=None):
    """Write ``pixels`` of shape (height, width) or (height, width, channels) as they are; byte order is theirs."""
    height, channels = len(pixels), pixels.shape[2] if pixels.ndim == 3 else 1
    order = ">" if pixels.dtype.str[0] == ">" else "<"
    payload = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    fields = {
        256: ("H", [width or pixels.shape[1]]), 257: ("H", [height]),
        258: ("H", [bits or 8 * pixels.itemsize] * channels), 259: ("H", [1]), 262: ("H", [photometric]),
        273: ("I", [8]), 277: ("H", [channels]), 278: ("H", [height]), 279: ("I", [pixels.nbytes]),
        **({} if extra is None else {338: ("H", [extra])}), 339: ("H", [kind] * channels),
    }  # fmt: skip
    directory, beyond = b"", b""
    start = 8 + len(payload)
    for tag, (form, values) in fields.items():
        value = struct.pack(f"{order}{len(values)}{form}", *values)
        if len(value) > 4:
            offset = start + 2 + 12 * len(fields) + 4 + len(beyond)
            value, beyond = struct.pack(order + "I", offset), beyond + value
        directory += struct.pack(order + "HHI", tag, {"H": 3, "I": 4}[form], len(values)) + value.ljust(4, b"\0")
    head = struct.pack(order + "2sHI", b"MM" if order == ">" else b"II", 42, start)
    path.write_bytes(head + payload + struct.pack(order + "H", len(fields)) + directory + b"\0" * 4 + beyond)


def write_png_of_16_bits(path, pixels, transparent=None):
    """Write a PNG of 16 bits a channel, grey or RGB, with the value or the colour that is ``transparent``."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2 if pixels.ndim == 3 else 0, 0, 0, 0))]
    if transparent is not None:
        chunks.append((b"tRNS", np.asarray(transparent, ">u2").tobytes()))
    write_png(path, [*chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])


def write_png(path, chunks):
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
            for name, data in chunks
        )
    )
