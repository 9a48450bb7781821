"""What a generated entity is: its kind, its text, and what people write in front of it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    kind: str
    value: str
    # What names it: words in front of the value, in English or Spanish or the country's language.
    labels: tuple = ()
    # It is claimed to be found without any of its labels.
    bare: bool = True
    # It stands for itself in a text (a key file, a connection string): no sentence around it.
    block: bool = False
    # Text right before and after the value: a URL around its credentials.
    before: str = ""
    after: str = ""


@dataclass
class Document:
    """A text with the entities in it; spans are in bytes of UTF-8."""

    name: str
    parts: list = field(default_factory=list)
    size: int = 0
    entities: list = field(default_factory=list)

    def add(self, text):
        data = text.encode()
        self.parts.append(data)
        self.size += len(data)

    def add_sample(self, sample, written=None):
        """`written` is the value as the document's syntax has it, escaped."""
        value = sample.value if written is None else written
        self.add(sample.before)
        start = self.size
        self.add(value)
        self.entities.append((start, self.size, sample.kind))
        self.add(sample.after)

    @property
    def data(self):
        return b"".join(self.parts)
