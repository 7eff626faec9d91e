"""Makes the golden files of the imaging tests: python3 make_golden.py (Pillow 9.4, numpy).

fixtures/  tiny files of every supported kind, and NAME.expected.png: what decoding them has to give
resize/    pictures padded and resized by Pillow as LLaVA-1.5 does it, stored as PNG
resize.tsv the same for many sizes, as SHA-256 of the R G B bytes
Everything is computed from formulas, so a second run gives the same pictures.
"""
import hashlib
import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageOps

HERE = pathlib.Path(__file__).parent
FIXTURES, RESIZE = HERE / "fixtures", HERE / "resize"
PAD = (122, 116, 104)  # tuple(int(m * 255) for m in CLIP's mean)


def picture(kind, width, height):
    """[height, width, 3] uint8; SyntheticPicture.cs computes the same."""
    y, x = np.mgrid[0:height, 0:width].astype(np.uint32)
    if kind == "gradient":
        planes = [x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x + y) * 255 // max(width + height - 2, 1)]
    elif kind == "edges":  # hard black, white and colour edges of one to nine pixels, as in text
        planes = [((x // 3 + y // 7) % 2) * 255, ((x * y) % 9 < 4) * np.uint32(255), ((x + 2 * y) % 17 < 5) * np.uint32(255)]
    elif kind == "noise":
        planes = []
        for c in range(3):
            h = x * np.uint32(0x9E3779B1) ^ y * np.uint32(0x85EBCA77) ^ np.uint32((c + 1) * 0xC2B2AE3D & 0xFFFFFFFF)
            h = (h ^ (h >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
            h = (h ^ (h >> np.uint32(12))) * np.uint32(0x297A2D39)
            planes.append((h ^ (h >> np.uint32(15))) & np.uint32(255))
    else:
        raise ValueError(kind)
    return np.stack(planes, -1).astype(np.uint8)


def expand2square(image, colour):
    """LLaVA's mm_utils.expand2square, restated."""
    width, height = image.size
    side = max(width, height)
    square = Image.new("RGB", (side, side), colour)
    square.paste(image, ((side - width) // 2, (side - height) // 2))
    return square


def pad_and_resize(array, size):
    return expand2square(Image.fromarray(array), PAD).resize((size, size), Image.BICUBIC)


def resized():
    stored = [("gradient", 640, 480, 336), ("edges", 1200, 800, 336), ("edges", 333, 500, 112), ("noise", 336, 336, 56),
              ("noise", 1200, 801, 84), ("edges", 5, 3, 336), ("noise", 7, 3, 112), ("gradient", 1, 1, 336), ("edges", 2000, 3, 84),
              ("noise", 2, 900, 84), ("edges", 336, 336, 336), ("edges", 336, 100, 336), ("noise", 100, 84, 84)]
    for kind, width, height, size in stored:
        pad_and_resize(picture(kind, width, height), size).save(RESIZE / f"{kind}-{width}x{height}-{size}.png", optimize=True)
    lines, state = ["kind\twidth\theight\tsize\tsha256"], 12345
    for i in range(160):
        numbers = []
        for _ in range(3):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            numbers.append(state >> 8)
        widest = (12, 100, 700, 1500)[i % 4]
        width, height = 1 + numbers[0] % widest, 1 + numbers[1] % widest
        size, kind = (336, 224, 56, 84, 1, 37)[numbers[2] % 6], ("gradient", "edges", "noise")[i % 3]
        digest = hashlib.sha256(pad_and_resize(picture(kind, width, height), size).tobytes()).hexdigest()
        lines.append(f"{kind}\t{width}\t{height}\t{size}\t{digest}")
    (HERE / "resize.tsv").write_text("\n".join(lines) + "\n")


def put(name, data, expected):
    """Writes a fixture (bytes, or a function that saves to a stream) and what it shows (array or image)."""
    if callable(data):
        stream = io.BytesIO()
        data(stream)
        data = stream.getvalue()
    (FIXTURES / name).write_bytes(data)
    if expected is not None:
        expected = Image.fromarray(expected) if isinstance(expected, np.ndarray) else expected
        expected.convert("RGB").save(FIXTURES / f"{name}.expected.png", optimize=True)
    return data


def over(rgb, alpha):
    """rgb over the padding colour, rounded to the nearest."""
    a = alpha.astype(np.int64)[..., None]
    return ((rgb.astype(np.int64) * a + np.array(PAD) * (255 - a) + 127) // 255).astype(np.uint8)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def raw_png(width, height, depth, colour, rows, interlaced=False, extra=b""):
    """PNG of a kind that Pillow does not write; rows are bytes without the filter byte."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def exif(orientation):
    return struct.pack("<2sHIHHHII", b"II", 42, 8, 1, 0x0112, 3, 1, orientation) + struct.pack("<I", 0)


def pngs():
    rgb = picture("edges", 21, 13)
    alpha = picture("gradient", 21, 13)[..., 0]
    gray = picture("gradient", 21, 13)[..., 2]
    put("rgb.png", lambda s: Image.fromarray(rgb).save(s, "PNG"), rgb)
    put("rgba.png", lambda s: Image.fromarray(np.dstack([rgb, alpha])).save(s, "PNG"), over(rgb, alpha))
    put("gray.png", lambda s: Image.fromarray(gray).save(s, "PNG"), np.dstack([gray] * 3))
    put("gray-alpha.png", lambda s: Image.fromarray(np.dstack([gray, alpha]), "LA").save(s, "PNG"), over(np.dstack([gray] * 3), alpha))
    bits = Image.fromarray(rgb).convert("1")
    put("black-white.png", lambda s: bits.save(s, "PNG"), bits)
    palette = Image.fromarray(rgb).quantize(8, dither=Image.Dither.NONE)
    put("palette.png", lambda s: palette.save(s, "PNG"), palette)
    transparency = bytes([0, 64, 128, 255])
    entry = np.array(list(transparency) + [255] * 252, np.uint8)[np.asarray(palette)]
    put("palette-trns.png", lambda s: palette.save(s, "PNG", transparency=transparency), over(np.asarray(palette.convert("RGB")), entry))
    # 16 bits: the upper byte is the value, whatever the lower one holds.
    wide = (rgb.astype(">u2") << 8) | 0x5A
    put("rgb16.png", raw_png(21, 13, 16, 2, [row.astype(">u2").tobytes() for row in wide]), rgb)
    wide = (gray.astype(">u2") << 8) | 0x5A
    put("gray16.png", raw_png(21, 13, 16, 0, [row.astype(">u2").tobytes() for row in wide]), np.dstack([gray] * 3))
    # A colour key: every pixel of exactly this colour is transparent.
    key = (255, 255, 255)
    hit = np.where((rgb == key).all(-1), 0, 255).astype(np.uint8)
    put("rgb-trns.png", raw_png(21, 13, 8, 2, [r.tobytes() for r in rgb], extra=chunk(b"tRNS", struct.pack(">3H", *key))), over(rgb, hit))
    rows = []
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:  # Adam7
        rows += [row.tobytes() for row in rgb[y0::dy, x0::dx]]
    put("interlaced.png", raw_png(21, 13, 8, 2, rows, interlaced=True), rgb)
    put("exif6.png", raw_png(21, 13, 8, 2, [r.tobytes() for r in rgb], extra=chunk(b"eXIf", exif(6))), np.rot90(rgb, -1))
    put("icc.png", lambda s: Image.fromarray(rgb).save(s, "PNG", icc_profile=rotated_profile()), np.roll(rgb, 1, axis=-1))


def rotated_profile():
    """ICC profile of a space whose first channel is sRGB's green, second blue, third red; sRGB's curve."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    count = struct.unpack(">I", srgb[128:132])[0]
    table = [struct.unpack(">4sII", srgb[132 + 12 * i:144 + 12 * i]) for i in range(count)]
    place = {name: (offset, size) for name, offset, size in table}
    swap = {b"rXYZ": b"gXYZ", b"gXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}
    entries = b"".join(struct.pack(">4sII", name, *place[swap.get(name, name)]) for name, _, _ in table)
    return srgb[:132] + entries + srgb[132 + 12 * count:]


def jpegs():
    rgb = np.asarray(Image.fromarray(picture("gradient", 12, 8)).resize((48, 32), Image.BICUBIC))
    def save(name, image, expected=None, **options):
        data = put(name, lambda s: image.save(s, "JPEG", quality=92, **options), None)
        put(name, data, expected if expected is not None else Image.open(io.BytesIO(data)))
    save("rgb.jpg", Image.fromarray(rgb))
    save("progressive.jpg", Image.fromarray(rgb), progressive=True)
    save("full-chroma.jpg", Image.fromarray(rgb), subsampling=0)
    save("gray.jpg", Image.fromarray(rgb).convert("L"))
    cmyk = Image.fromarray(rgb).convert("CMYK")
    save("cmyk.jpg", cmyk)
    back = {1: None, 2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM,
            5: Image.TRANSPOSE, 6: Image.ROTATE_90, 7: Image.TRANSVERSE, 8: Image.ROTATE_270}
    for orientation, transposition in back.items():
        stored = Image.fromarray(rgb) if transposition is None else Image.fromarray(rgb).transpose(transposition)
        stream = io.BytesIO()
        stored.save(stream, "JPEG", quality=92, exif=b"Exif\0\0" + exif(orientation))
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(stream.getvalue())))
        assert upright.size == (48, 32)
        put(f"exif{orientation}.jpg", stream.getvalue(), upright)


def others():
    rgb = picture("edges", 21, 13)
    alpha = picture("gradient", 21, 13)[..., 0]
    smooth = np.asarray(Image.fromarray(picture("gradient", 12, 8)).resize((48, 32), Image.BICUBIC))
    frames = [Image.fromarray(f) for f in (rgb, 255 - rgb)]
    put("lossless.webp", lambda s: frames[0].save(s, "WEBP", lossless=True), rgb)
    put("lossless-alpha.webp", lambda s: Image.fromarray(np.dstack([rgb, alpha])).save(s, "WEBP", lossless=True, exact=True), over(rgb, alpha))
    data = put("lossy.webp", lambda s: Image.fromarray(smooth).save(s, "WEBP", quality=90), None)
    put("lossy.webp", data, Image.open(io.BytesIO(data)))
    put("animated.webp", lambda s: frames[0].save(s, "WEBP", save_all=True, append_images=frames[1:], lossless=True), rgb)
    put("exif8.webp", lambda s: frames[0].save(s, "WEBP", lossless=True, exif=b"Exif\0\0" + exif(8)), np.rot90(rgb, 1))
    few = frames[0].quantize(8, dither=Image.Dither.NONE)
    put("still.gif", lambda s: few.save(s, "GIF"), few)
    put("animated.gif", lambda s: few.save(s, "GIF", save_all=True, append_images=[frames[1].quantize(8)], duration=100), few)
    entry = np.where(np.asarray(few) == 0, 0, 255).astype(np.uint8)
    put("transparent.gif", lambda s: few.save(s, "GIF", transparency=0), over(np.asarray(few.convert("RGB")), entry))
    put("rgb.bmp", lambda s: frames[0].save(s, "BMP"), rgb)
    put("palette.bmp", lambda s: few.save(s, "BMP"), few)
    bits = frames[0].convert("1")
    put("black-white.bmp", lambda s: bits.save(s, "BMP"), bits)
    rows = [bytes(rgb[y][:, ::-1].tobytes()) + b"\0" * (-21 * 3 % 4) for y in range(13)]  # top to bottom
    body = b"".join(rows)
    put("top-down.bmp", b"BM" + struct.pack("<IHHI", 54 + len(body), 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 21, -13, 1, 24, 0, len(body), 2835, 2835, 0, 0) + body, rgb)


def main():
    for folder in (FIXTURES, RESIZE):
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
    resized()
    pngs()
    jpegs()
    others()


main()
