"""The messages of agentshield.proto, read from the file itself, with the strict decoding of SPEC.md, section 4.

A message is a dict from field names to Python values; a field that is not there is at its default. Enums are numbers, inner messages dicts.
"""

import base64
import math
import re
import struct

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
WIRE_TYPES = {"uint32": VARINT, "uint64": VARINT, "int64": VARINT, "bool": VARINT, "double": FIXED64, "float": FIXED32,
              "string": LENGTH, "bytes": LENGTH}
DEFAULTS = {"uint32": 0, "uint64": 0, "int64": 0, "bool": False, "double": 0.0, "float": 0.0, "string": "", "bytes": b""}


class DecodingError(Exception):
    """A body breaks a rule; `rule` is its name in vectors/messages/README.md."""

    def __init__(self, rule):
        super().__init__(rule)
        self.rule = rule


class Field:
    """One field of a message."""

    def __init__(self, name, number, kind, label, oneof):
        self.name, self.number, self.kind, self.oneof = name, number, kind, oneof
        self.repeated = label == "repeated"
        self.explicit = label == "optional" or oneof is not None


def encode_varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_varint(data, position, end):
    """Returns the value and the position behind it."""
    value = shift = 0
    while True:
        if position >= end:
            raise DecodingError("truncated")
        byte = data[position]
        position += 1
        if shift == 63 and byte > 1:
            raise DecodingError("varint_overflow")
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift:
                raise DecodingError("overlong_varint")
            return value, position
        shift += 7


class Schema:
    """The messages and enums of a .proto file (as much of the language as agentshield.proto uses)."""

    def __init__(self, text):
        self.messages, self.enums = {}, {}
        tokens = re.findall(r'"[^"]*"|[\w.]+|[{}=;]', re.sub(r"//[^\n]*", "", text))
        self._parse(tokens, 0, "")
        for fields in self.messages.values():
            for field in fields.values():
                field.wire_type = WIRE_TYPES.get(field.kind, LENGTH)
        self._resolve()

    def _parse(self, tokens, at, scope):
        while at < len(tokens) and tokens[at] != "}":
            word = tokens[at]
            if word in ("message", "enum"):
                name = scope + tokens[at + 1]
                if word == "message":
                    self.messages[name] = {}
                    at = self._parse(tokens, at + 3, name + ".") + 1
                else:
                    self.enums[name], at = {}, at + 3
                    while tokens[at] != "}":
                        self.enums[name][int(tokens[at + 2])] = tokens[at]
                        at += 4
                    at += 1
            elif word == "oneof":
                oneof, at = tokens[at + 1], at + 3
                while tokens[at] != "}":
                    at = self._field(tokens, at, scope, None, oneof)
                at += 1
            elif word in ("syntax", "package"):
                at = tokens.index(";", at) + 1
            elif word in ("repeated", "optional"):
                at = self._field(tokens, at + 1, scope, word, None)
            else:
                at = self._field(tokens, at, scope, None, None)
        return at

    def _field(self, tokens, at, scope, label, oneof):
        kind, name, number = tokens[at], tokens[at + 1], int(tokens[at + 3])
        self.messages[scope[:-1]][number] = Field(name, number, kind, label, oneof)
        return at + 5

    def _resolve(self):
        for message, fields in self.messages.items():
            for field in fields.values():
                if field.kind in WIRE_TYPES:
                    continue
                inner = f"{message}.{field.kind}"
                field.kind = inner if inner in self.enums or inner in self.messages else field.kind
                if field.kind in self.enums:
                    field.wire_type = VARINT

    # Encoding

    def encode(self, message, values):
        """The canonical bytes: ascending numbers, no defaults, floats packed."""
        out = bytearray()
        fields = self.messages[message]
        unknown = set(values) - {field.name for field in fields.values()}
        if unknown:
            raise ValueError(f"{message} has no {unknown}")
        for number in sorted(fields):
            field = fields[number]
            if field.name not in values:
                continue
            value = values[field.name]
            if field.repeated and field.kind == "float":
                if value:
                    packed = struct.pack(f"<{len(value)}f", *value)
                    out += encode_varint(number << 3 | LENGTH) + encode_varint(len(packed)) + packed
                continue
            for element in value if field.repeated else [value]:
                if not field.repeated and not field.explicit and field.kind not in self.messages and self._is_default(field, element):
                    continue
                out += encode_varint(number << 3 | field.wire_type) + self._encode_value(field, element)
        return bytes(out)

    @staticmethod
    def _is_default(field, value):
        if field.kind in ("double", "float"):
            return value == 0 and math.copysign(1, value) > 0
        return value == DEFAULTS.get(field.kind, 0)

    def _encode_value(self, field, value):
        if field.wire_type == VARINT:
            return encode_varint(int(value) & 0xFFFFFFFFFFFFFFFF)
        if field.kind == "double":
            return struct.pack("<d", value)
        if field.kind == "float":
            return struct.pack("<f", value)
        if field.kind == "string":
            value = value.encode()
        elif field.kind in self.messages:
            value = self.encode(field.kind, value)
        return encode_varint(len(value)) + value

    # Decoding

    def decode(self, message, data, element_limit=16_384):
        return self._decode(message, data, 0, len(data), [element_limit])

    def _decode(self, message, data, position, end, elements_left):
        fields, values, oneofs = self.messages[message], {}, set()
        while position < end:
            tag, position = decode_varint(data, position, end)
            number, wire_type = tag >> 3, tag & 7
            if not 1 <= number < 1 << 29:
                raise DecodingError("invalid_field_number")
            if wire_type not in (VARINT, FIXED64, LENGTH, FIXED32):
                raise DecodingError("invalid_wire_type")
            field = fields.get(number)
            if field is None:
                position = self._skip(wire_type, data, position, end)
                continue
            packed = field.repeated and field.kind == "float" and wire_type == LENGTH
            if wire_type != field.wire_type and not packed:
                raise DecodingError("wrong_wire_type")
            if not field.repeated and field.name in values:
                raise DecodingError("repeated_field")
            if field.oneof is not None:
                if field.oneof in oneofs:
                    raise DecodingError("repeated_oneof")
                oneofs.add(field.oneof)
            if field.repeated and field.kind != "float":
                if elements_left[0] == 0:
                    raise DecodingError("too_many_elements")
                elements_left[0] -= 1
            value, position = self._decode_value(field, wire_type, data, position, end, elements_left)
            if packed:
                values.setdefault(field.name, []).extend(value)
            elif field.repeated:
                values.setdefault(field.name, []).append(value)
            else:
                values[field.name] = value
        return values

    @staticmethod
    def _skip(wire_type, data, position, end):
        if wire_type == VARINT:
            return decode_varint(data, position, end)[1]
        length = {FIXED64: 8, FIXED32: 4}.get(wire_type)
        if length is None:
            length, position = decode_varint(data, position, end)
        if length > end - position:
            raise DecodingError("truncated")
        return position + length

    def _decode_value(self, field, wire_type, data, position, end, elements_left):
        if wire_type == VARINT:
            value, position = decode_varint(data, position, end)
            return self._check_range(field, value), position
        start = position
        position = self._skip(wire_type, data, position, end)
        if wire_type in (FIXED64, FIXED32):
            return struct.unpack("<d" if wire_type == FIXED64 else "<f", data[start:position])[0], position
        start = decode_varint(data, start, end)[1]
        if field.kind == "float":
            if (position - start) % 4:
                raise DecodingError("truncated")
            return list(struct.unpack(f"<{(position - start) // 4}f", data[start:position])), position
        if field.kind in self.messages:
            return self._decode(field.kind, data, start, position, elements_left), position
        if field.kind == "bytes":
            return bytes(data[start:position]), position
        try:
            return bytes(data[start:position]).decode(), position
        except UnicodeDecodeError:
            raise DecodingError("invalid_utf8") from None

    def _check_range(self, field, value):
        if field.kind in self.enums or field.kind == "int64":
            value = value - (1 << 64) if value >= 1 << 63 else value
            if field.kind != "int64" and not -(1 << 31) <= value < 1 << 31:
                raise DecodingError("value_out_of_range")
        elif (field.kind == "uint32" and value >= 1 << 32) or (field.kind == "bool" and value > 1):
            raise DecodingError("value_out_of_range")
        return bool(value) if field.kind == "bool" else value

    # The JSON mapping of the vectors

    def to_json(self, message, values):
        out = {}
        for field in self.messages[message].values():
            if field.name not in values:
                continue
            value = values[field.name]
            if field.repeated:
                if value:
                    out[field.name] = [self._json_value(field, element) for element in value]
            elif field.explicit or field.kind in self.messages or not self._is_default(field, value):
                out[field.name] = self._json_value(field, value)
        return out

    def _json_value(self, field, value):
        if field.kind in self.messages:
            return self.to_json(field.kind, value)
        if field.kind in self.enums:
            return self.enums[field.kind].get(value, value)
        if field.kind == "bytes":
            return base64.b64encode(value).decode()
        if field.kind in ("double", "float") and not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return str(value) if field.kind in ("uint64", "int64") else value

    def from_json(self, message, values):
        fields = {field.name: field for field in self.messages[message].values()}
        return {name: [self._from_json_value(fields[name], element) for element in value] if fields[name].repeated
                else self._from_json_value(fields[name], value) for name, value in values.items()}

    def _from_json_value(self, field, value):
        if field.kind in self.messages:
            return self.from_json(field.kind, value)
        if field.kind in self.enums and isinstance(value, str):
            return next(number for number, name in self.enums[field.kind].items() if name == value)
        if field.kind == "bytes":
            return base64.b64decode(value)
        if field.kind in ("double", "float"):
            return float(value)
        return int(value) if field.kind in ("uint64", "int64") else value
