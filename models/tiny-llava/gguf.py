"""A small GGUF v3 writer and reader: just the types these two files use."""
import struct

import numpy as np

ALIGNMENT = 32
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
TENSOR_TYPES = {np.dtype(np.float32): 0, np.dtype(np.float16): 1}
FORMATS = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}


def _string(text):
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def _scalar(kind, value):
    return _string(value) if kind == STRING else struct.pack(FORMATS[kind], value)


def _value(kind, value):
    if isinstance(value, (list, tuple)):
        return struct.pack("<IIQ", ARRAY, kind, len(value)) + b"".join(_scalar(kind, v) for v in value)
    return struct.pack("<I", kind) + _scalar(kind, value)


def write(path, fields, tensors):
    """fields: name -> (type, value or list); tensors: name -> float16 or float32 array in row-major order, whose shape GGUF
    lists from the innermost dimension outwards."""
    header = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(fields))]
    header += [_string(name) + _value(*field) for name, field in fields.items()]
    offset = 0
    for name, array in tensors.items():
        shape = array.shape[::-1]
        header.append(_string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, TENSOR_TYPES[array.dtype], offset))
        offset += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
    with open(path, "wb") as out:
        out.write(b"".join(header))
        for array in tensors.values():
            out.write(bytes(-out.tell() % ALIGNMENT))
            out.write(np.ascontiguousarray(array).tobytes())
        out.write(bytes(-out.tell() % ALIGNMENT))


class _Reader:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        self.at = 0

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values if len(values) > 1 else values[0]

    def string(self):
        length = self.take("<Q")
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def value(self, kind):
        if kind == ARRAY:
            inner, count = self.take("<I"), self.take("<Q")
            return [self.value(inner) for _ in range(count)]
        return self.string() if kind == STRING else self.take(FORMATS[kind])


def read(path):
    """Returns fields (name -> value) and tensors (name -> array as stored)."""
    reader = _Reader(path)
    magic, version = reader.take("<4sI")
    assert magic == b"GGUF" and version == 3, path
    tensor_count, field_count = reader.take("<QQ")
    fields = {}
    for _ in range(field_count):
        name = reader.string()
        fields[name] = reader.value(reader.take("<I"))
    infos = []
    for _ in range(tensor_count):
        name, dims = reader.string(), reader.take("<I")
        shape = [reader.take("<Q") for _ in range(dims)]
        infos.append((name, shape[::-1], *reader.take("<IQ")))
    start = -(-reader.at // ALIGNMENT) * ALIGNMENT
    types = {number: dtype for dtype, number in TENSOR_TYPES.items()}
    return fields, {
        name: np.frombuffer(reader.data, types[kind], int(np.prod(shape)), start + offset).reshape(shape)
        for name, shape, kind, offset in infos}
