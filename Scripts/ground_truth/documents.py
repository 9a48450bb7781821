"""Puts samples into English and Spanish prose, chat, JSON and logs, and keeps where they are."""

import json
import re

from .samples import Document

SENTENCES = {
    "en": ["My {label} is {v}.", "{label}: {v}", "Please use {label} {v} for this.", "- {label} {v}", "I think the {label} is {v}, right?", "{label} = {v}", "(the {label}: {v})"],
    "es": ["Mi {label} es {v}.", "{label}: {v}", "Por favor, usa {label} {v} para esto.", "- {label} {v}", "Creo que {label} es {v}, ¿no?", "Le paso {label}: {v}; gracias."],
}  # fmt: skip
BARE = {
    "en": ["Could you look at {v} for me?", "It was {v}, I believe.", "See {v}; thanks.", "{v}", "Here you go: {v}\n", "we got “{v}” back", "I have ({v}) on file"],
    "es": ["¿Puedes mirar {v} por mí?", "Era {v}, creo.", "Vea {v}; gracias.", "{v}", "Aquí tiene: {v}\n", "nos devolvió «{v}»", "tengo ({v}) en la ficha"],
}  # fmt: skip


# Words of a filler text that name something: they would be the context of the next entity.
NAMING = re.compile(r"\b(call|cell|phone|contact|card|account|address|number|social|security|service|health|born|birth|identidad|seguridad|llama|fijo|móvil|empresa|serv\w*|section|sección|release|from|version)", re.I)


def filler(random, fake, count):
    while True:
        text = fake.paragraph(nb_sentences=count)
        if not NAMING.search(text):
            return text


def word(fake):
    while True:
        text = fake.word()
        if not NAMING.search(text):
            return text


def split(template, label=""):
    before, after = template.replace("{label}", label).split("{v}")
    return before, after


def prose(random, fake, language, samples):
    document = Document(f"prose-{language}")
    for sample in samples:
        document.add(filler(random, fake, random.randint(1, 3)) + " ")
        if sample.block:
            document.add("\n")
            document.add_sample(sample)
            document.add("\n")
            continue
        is_bare = sample.bare and random.random() < 0.6
        template = random.choice(BARE[language] if is_bare else SENTENCES[language])
        before, after = split(template, random.choice(sample.labels))
        document.add(before)
        document.add_sample(sample)
        document.add(after + random.choice([" ", "\n", "\n\n"]))
    return document


def json_text(random, fake, samples):
    """A JSON document as it is in a prompt; its strings are escaped."""
    document = Document("json")
    document.add("{\n")
    for sample in samples:
        document.add(f'  "{word(fake)}": {json.dumps(filler(random, fake, 2), ensure_ascii=False)},\n')
        escaped = json.dumps(sample.value, ensure_ascii=False)[1:-1]
        # The gateway scans decoded strings; only what JSON writes as it is can be told apart here.
        if escaped != sample.value:
            continue
        key = re.sub(r"\W+", "_", random.choice(sample.labels).lower()).strip("_")
        if sample.block:
            if sample.before.startswith(("<", "{", '"')) or '"' in sample.before + sample.after or "\\" in sample.before:
                continue
            document.add('  "note": "')
        else:
            document.add(f'  "{key}": "')
        document.add_sample(sample, escaped)
        document.add('",\n')
    document.add('  "ok": true\n}\n')
    return document


def log(random, fake, samples):
    document = Document("log")
    for sample in samples:
        time = fake.date_time_this_decade().strftime("%Y-%m-%dT%H:%M:%S")
        document.add(f"{time}.{random.randrange(1000):03}Z {random.choice(['INFO', 'WARN', 'DEBUG', 'ERROR'])} [worker-{random.randrange(16)}] {word(fake)}.{word(fake)}: ")
        label = re.sub(r"\W+", "_", random.choice(sample.labels).lower()).strip("_")
        if sample.block:
            document.add("got ")
        elif sample.bare and random.random() < 0.4:
            document.add(f"request from {word(fake)} for ")
        else:
            document.add(f"{label}=")
        document.add_sample(sample)
        document.add(f" status={random.choice([200, 404, 500])} took={random.randrange(900)}ms\n")
    return document


def documents(random, fakes, samples):
    """`fakes`: languages with their Faker."""
    samples = list(samples)
    random.shuffle(samples)
    while samples:
        taken, samples = samples[:12], samples[12:]
        kind = random.choice(["prose", "prose", "json", "log"])
        language = random.choice(["en", "es"])
        if kind == "prose":
            yield prose(random, fakes[language], language, taken)
        elif kind == "json":
            yield json_text(random, fakes[language], taken)
        else:
            yield log(random, fakes[language], taken)
