"""Names and street addresses, which only rules look for: how many a rule finds depends on how they are announced."""

from .documents import filler
from .samples import Document, Sample

ANNOUNCED = {
    "en": ["My name is {v}.", "Dear {v}, thanks.", "I spoke to Mr. {v} about it.", "Name: {v}\n", "Customer: {v}\n", "I am {v} and I need help."],
    "es": ["Me llamo {v}.", "Estimada {v}, gracias.", "Hablé con el Sr. {v} ayer.", "Nombre: {v}\n", "Mi nombre es {v}, hola.", "Soy {v} y necesito ayuda."],
}  # fmt: skip
PLAIN = {"en": ["{v} was there too.", "We gave it to {v} yesterday."], "es": ["{v} estuvo allí.", "Se lo dimos a {v} ayer."]}


def documents(random, fakes, rounds):
    """Pairs of what was announced and a document with one entity."""
    for _ in range(rounds):
        for language, fake in fakes.items():
            name = f"{fake.first_name()} {fake.last_name()}"
            street = fake.street_address().split("\n")[0]
            for label, table, sample in (
                ("PERSON, announced", ANNOUNCED, Sample("PERSON", name)),
                ("PERSON, not announced", PLAIN, Sample("PERSON", name)),
                ("ADDRESS", {"en": ["We live at {v} now."], "es": ["Vivimos en {v} ahora."]}, Sample("ADDRESS", street)),
            ):
                document = Document(language)
                document.add(filler(random, fake, 2) + " ")
                before, after = random.choice(table[language]).split("{v}")
                document.add(before)
                document.add_sample(sample)
                document.add(after)
                yield f"{label} ({language})", document
