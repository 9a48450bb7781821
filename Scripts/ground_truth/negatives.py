"""Files of this machine that nobody wrote for us, and what the engine takes for an entity in them."""

import gzip
import itertools
import os
import pathlib

# What a Debian system has of prose, and of logs and sources.
COLLECTIONS = {
    "prose": ["/usr/share/common-licenses", "/usr/share/doc"],
    "logs": ["/var/log/dpkg.log", "/var/log/apt", "/var/log/alternatives.log", "/var/lib/dpkg/info/*.md5sums", "/var/lib/dpkg/status"],
    "sources": ["/usr/include", "/usr/share/perl", "/usr/lib/python3", "/usr/lib/python3.11", "/usr/lib/python3.12", "/usr/lib/python3.13"],
}
LARGEST = 512 * 1024


def paths(name):
    for root in COLLECTIONS[name]:
        base = pathlib.Path(root)
        if "*" in root:
            yield from sorted(base.parent.glob(base.name))
        elif base.is_file():
            yield base
        else:
            for folder, folders, files in os.walk(base):
                folders.sort()
                yield from (pathlib.Path(folder) / file for file in sorted(files))


def read(path):
    try:
        if path.is_symlink() or path.stat().st_size > LARGEST:
            return b""
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, ValueError):
        return b""
    if b"\0" in data[:4096] or path.suffix in (".pyc", ".a", ".so", ".o") or data[:5] == b"%PDF-":
        return b""
    return data


def corpus(name, limit):
    """At most `limit` bytes of a collection, every file with its name in front, spread over the collection."""
    found = list(itertools.islice(paths(name), 200_000))
    step = max(1, len(found) // 4000)
    taken, size, origins = [], 0, []
    for path in itertools.chain.from_iterable(found[i::step] for i in range(step)):
        data = read(path)
        if not data:
            continue
        origins.append((size, str(path)))
        taken.append(data + b"\n")
        size += len(data) + 1
        if size >= limit:
            break
    return b"".join(taken), origins
