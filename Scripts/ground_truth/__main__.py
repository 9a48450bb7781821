"""Holds the scrubbing engine against ground truth that it had no part in.

Positives: entities made with python-stdnum, Faker and the issuers' documented forms, seeded, in English and Spanish prose, JSON and
logs, with exact spans. Negatives: files of this machine. Exit status 1 when an entity of a structured kind is missed.
"""

import argparse
import collections
import itertools
import json
import pathlib
import random
import subprocess
import sys

from faker import Faker

from . import contacts, credentials, documents, identifiers, negatives, people

LOCALES = ["en_US", "en_GB", "es_ES", "es_MX", "fr_FR", "de_DE", "it_IT", "pt_PT", "pt_BR"]
# One of these in place of another is the same to whoever scrubs: the value is gone.
SECRETS = {"SECRET", "PASSWORD", "URL_CREDENTIALS", "JWT", "PRIVATE_KEY"}


def find(program, data, *arguments):
    output = subprocess.run([program, *arguments], input=data, stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


class Tally:
    def __init__(self):
        self.count = collections.Counter()
        self.found = collections.Counter()
        self.exact = collections.Counter()
        self.misses = collections.defaultdict(list)
        self.odd = collections.defaultdict(list)

    def judge(self, document, findings):
        data = document.data
        for start, end, kind in document.entities:
            self.count[kind] += 1
            same = {kind} | (SECRETS if kind in SECRETS else set())
            covering = [f for f in findings if f["start"] <= start and f["end"] >= end and f["kind"] in same]
            context = data[max(0, start - 40) : end + 12].decode(errors="replace")
            if not covering:
                near = [f"{f['kind']} {data[f['start']:f['end']].decode(errors='replace')}" for f in findings if f["start"] < end and f["end"] > start]
                self.misses[kind].append((document.name, context, near))
                continue
            self.found[kind] += 1
            if any(f["start"] == start and f["end"] == end for f in covering):
                self.exact[kind] += 1
            else:
                self.odd[kind].append((document.name, context, [data[f["start"] : f["end"]].decode(errors="replace") for f in covering]))

    def print(self, show):
        print(f"{'kind':16} {'count':>6} {'found':>6} {'recall':>7} {'exact':>7}")
        for kind in sorted(self.count):
            count, found = self.count[kind], self.found[kind]
            print(f"{kind:16} {count:6} {found:6} {found / count:7.4f} {self.exact[kind] / count:7.4f}")
        total = sum(self.count.values())
        print(f"{'all':16} {total:6} {sum(self.found.values()):6} {sum(self.found.values()) / total:7.4f} {sum(self.exact.values()) / total:7.4f}")
        for title, table in (("missed", self.misses), ("not exact", self.odd)):
            for kind in sorted(table):
                for sample in table[kind][:show]:
                    print(f"{title} {kind}: {sample!r}")


def positives(program, seed, rounds):
    source = random.Random(seed)
    fakes = {}
    for locale in LOCALES:
        fakes[locale] = Faker(locale)
        fakes[locale].seed_instance(seed)
    languages = {"en": fakes["en_US"], "es": fakes["es_ES"]}
    samples = itertools.chain(
        identifiers.all_samples(source, rounds), contacts.all_samples(source, list(fakes.values()), rounds), credentials.all_samples(source, list(fakes.values()), rounds)
    )
    tally = Tally()
    for document in documents.documents(source, languages, samples):
        tally.judge(document, find(program, document.data))
    return tally


def opt_in(program, seed, rounds):
    """Prints the recall of the opt-in kinds, of which nothing is claimed."""
    source = random.Random(seed)
    fakes = {"en": Faker("en_US"), "es": Faker("es_ES")}
    for fake in fakes.values():
        fake.seed_instance(seed)
    count, found = collections.Counter(), collections.Counter()
    for label, document in people.documents(source, fakes, rounds):
        start, end, kind = document.entities[0]
        count[label] += 1
        if any(f["start"] <= start and f["end"] >= end and f["kind"] == kind for f in find(program, document.data, "--opt-in")):
            found[label] += 1
    for label in sorted(count):
        print(f"opt-in {label}: {found[label]} of {count[label]}")


def false_positives(program, limit, show):
    for name in negatives.COLLECTIONS:
        data, origins = negatives.corpus(name, limit)
        if not data:
            continue
        findings = find(program, data)
        kinds = collections.Counter(f["kind"] for f in findings)
        mebibytes = len(data) / (1 << 20)
        print(f"{name}: {mebibytes:.1f} MiB of {len(origins)} files, {len(findings)} findings, {len(findings) / mebibytes:.2f} per MiB")
        for kind, count in kinds.most_common():
            print(f"  {kind:16} {count:6} {count / mebibytes:8.2f} per MiB")
        shown = collections.Counter()
        for finding in findings:
            if shown[finding["kind"]] < show:
                shown[finding["kind"]] += 1
                print(f"    {finding['kind']}: {data[max(0, finding['start'] - 30):finding['end'] + 10].decode(errors='replace')!r}")


def main():
    parser = argparse.ArgumentParser(prog="ground-truth")
    parser.add_argument("--program", required=True, help="prints findings in its standard input, a JSON object a line")
    parser.add_argument("--rounds", type=int, default=200, help="about 62 entities each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checks", action="store_true", help="print only ok or not ok for each kind")
    parser.add_argument("--negatives", type=int, default=32, metavar="MIB", help="of each collection")
    parser.add_argument("--show", type=int, default=3, help="samples of each kind of mistake")
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    tally = positives(program, options.seed, options.rounds)
    missed = sum(len(misses) for misses in tally.misses.values())
    if options.checks:
        for kind in sorted(tally.count):
            verdict = "not ok" if tally.misses[kind] else "ok"
            print(f"{verdict} every {kind} is found ({tally.found[kind]} of {tally.count[kind]})")
            for miss in tally.misses[kind][: options.show]:
                print(f"#   missed: {miss!r}")
    else:
        tally.print(options.show)
        opt_in(program, options.seed, options.rounds)
        if options.negatives:
            false_positives(program, options.negatives << 20, options.show)
    sys.exit(1 if missed else 0)


main()
