"""Addresses of people, machines and coins, telephone numbers, dates of birth. Formats are Faker's where it has them."""

import hashlib
import ipaddress
import string

from stdnum.gb import nhs

from .identifiers import digits, letters
from .samples import Sample

HEX = "0123456789abcdef"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def email(random, fake):
    kind = random.randrange(8)
    user = fake.user_name()
    domain = fake.domain_name()
    if kind == 0:
        value = f"{user}+{fake.user_name()}@{domain}"
    elif kind == 1:
        value = f"{random.choice(['josé', 'müller', 'ñandu', 'zoë.b'])}@{random.choice(['correo', 'españa', 'bücher'])}.{random.choice(['es', 'de', 'com'])}"
    elif kind == 2:
        value = f'"{user}.{fake.user_name()}"@{domain}'
    elif kind == 3:
        value = f"{user}@xn--{letters(random, 6, string.ascii_lowercase)}.xn--p1ai"
    elif kind == 4:
        value = f"{user.upper()}_{digits(random, 2)}@mail.{domain}".replace("..", ".")
    else:
        value = fake.email()
    return Sample("EMAIL", value, ("e-mail", "correo", "email", "contacto"))


# Without a word for telephone, and with one. `#` is a digit, `2` one that is not 0 or 1, `6` one of 6 and 7.
PHONES = {
    "bare": [
        "+34 6## ### ###", "+346########", "+34 9# ### ## ##", "+1 (222) 2##-####", "+1-222-2##-####", "+12222######", "(222) 2##-####",
        "222-2##-####", "222.2##.####", "222 2## ####", "1-222-2##-####", "+44 20 7### ####", "+44 7### ######", "020 7### ####", "07### ######",
        "+33 6 ## ## ## ##", "06 ## ## ## ##", "01.4#.##.##.##", "+49 30 ########", "+49 151 ########", "+39 06 ########", "+39 3## #######",
        "+351 9## ### ###", "+52 55 #### ####", "+55 11 9####-####", "(11) 9####-####", "6## ## ## ##", "6## ### ###", "91 ### ## ##",
        "+44(0)20 7### ####", "0034 6## ### ###", "(222)2##-####", "+41 22 ### ## ##", "222-2##-####x###", "(222) 2##-#### ext. ###",
        "+353 1 ### ####", "+91 98### #####", "+81 3 #### ####", "+61 4## ### ###",
    ],
    "named": ["6########", "9########", "222#######", "07#########", "030 ########", "0151 ########", "06########", "3## #######", "9## ### ###", "55 #### ####", "11 9#### ####", "2##-####"],
}  # fmt: skip


def phone(random, fake):
    kind = random.choice(["bare", "bare", "named", "faker"])
    labels = ("tel", "phone", "teléfono", "móvil", "mobile", "call me at", "WhatsApp", "mi número de teléfono")
    if kind == "faker":
        value = fake.phone_number()
        # No country's code starts with 0.
        while value.startswith("+0"):
            value = fake.phone_number()
        return Sample("PHONE", value, labels, bare=False)
    form = random.choice(PHONES[kind])
    value = fill(random, form)
    # One in eleven is a valid health service number too, and nobody can tell which it is.
    while nhs.is_valid(value):
        value = fill(random, form)
    return Sample("PHONE", value, labels, bare=kind == "bare")


def fill(random, form):
    return "".join(random.choice("23456789") if c == "2" and form.startswith(("222", "(222", "1-222", "+1")) else random.choice(string.digits) if c == "#" else c for c in form)


def machine(random):
    address = ".".join(str(random.randint(1, 254) if i in (0, 3) else random.randint(10, 254)) for i in range(4))
    yield Sample("IPV4", address, ("IP", "server", "host", "dirección IP", "client"))
    value = ipaddress.IPv6Address((0x2001_0DB8 << 96) | random.getrandbits(96))
    if random.random() < 0.5:
        value = ipaddress.IPv6Address((random.choice([0x2001_0DB8, 0xFE80_0000, 0xFD12_3456]) << 96) | random.getrandbits(random.choice([16, 32, 48])))
    forms = [str(value), value.exploded, str(value).upper(), f"::ffff:{address}"]
    text = random.choice(forms)
    if text.lower().startswith("fe80") and random.random() < 0.7:
        text += random.choice(["%eth0", "%en1", "%2"])
    yield Sample("IPV6", text, ("IPv6", "IP", "host", "address"))
    pairs = [letters(random, 2, HEX) for _ in range(6)]
    forms = [":".join(pairs), "-".join(pairs), ":".join(pairs).upper()]
    quads = "".join(pairs)
    forms.append(f"{quads[:4]}.{quads[4:8]}.{quads[8:]}")
    yield Sample("MAC", random.choice(forms), ("MAC", "hardware address", "dirección MAC"))


MONTHS = {
    "en": ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    "es": ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
    "fr": ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
    "de": ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"],
    "pt": ["janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"],
    "it": ["gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"],
}


def birth(random):
    year, month, day = random.randint(1930, 2012), random.randint(1, 12), random.randint(1, 28)
    english, spanish = MONTHS["en"][month - 1], MONTHS["es"][month - 1]
    en = ("DOB", "date of birth", "born on", "birthday", "birth date")
    es = ("nacido el", "fecha de nacimiento", "nací el", "F. nacimiento")
    forms = [
        (f"{day:02}/{month:02}/{year}", en + es), (f"{year}-{month:02}-{day:02}", en + es), (f"{day}/{month}/{year}", en + es),
        (f"{day}-{month}-{year}", en + es), (f"{day:02}.{month:02}.{year}", en + es), (f"{year}/{month:02}/{day:02}", en),
        (f"{english} {day}, {year}", en), (f"{day} {english} {year}", en), (f"{english[:3]} {day}, {year}", en),
        (f"{day} {english[:3]} {year}", en), (f"{day} de {spanish} de {year}", es), (f"{day} {spanish} {year}", es),
        (f"{day}-{english[:3]}-{year}", en), (f"{day} de {spanish.capitalize()} de {year}", es),
        (f"{day} {MONTHS['fr'][month - 1]} {year}", ("né le", "née le", "date de naissance :")),
        (f"{day}. {MONTHS['de'][month - 1]} {year}", ("geboren am", "Geburtsdatum:")),
        (f"{day} de {MONTHS['pt'][month - 1]} de {year}", ("nascido em", "data de nascimento:")),
        (f"{day} {MONTHS['it'][month - 1]} {year}", ("nato il", "data di nascita:")),
        (f"{day:02}-{english[:3]}-{year % 100:02}", en), (f"{day}/{month}/{year % 100:02}", en + es), (f"{year}{month:02}{day:02}", en),
    ]  # fmt: skip
    value, labels = random.choice(forms)
    return Sample("DATE_OF_BIRTH", value, labels, bare=False)


def base58check(payload):
    data = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number = int.from_bytes(data, "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def bech32(version, program):
    """BIP 173 and BIP 350's reference algorithm."""

    def polymod(values):
        checksum = 1
        for value in values:
            top = checksum >> 25
            checksum = (checksum & 0x1FFFFFF) << 5 ^ value
            for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                checksum ^= generator if top >> bit & 1 else 0
        return checksum

    bits = "".join(f"{byte:08b}" for byte in program)
    bits += "0" * (-len(bits) % 5)
    data = [version] + [int(bits[i : i + 5], 2) for i in range(0, len(bits), 5)]
    constant = 1 if version == 0 else 0x2BC830A3
    check = polymod([3, 3, 0, 2, 3] + data + [0] * 6) ^ constant
    return "bc1" + "".join(BECH32[d] for d in data + [check >> 5 * (5 - i) & 31 for i in range(6)])


def coin(random):
    payload = random.choice([b"\0", b"\5"]) + random.randbytes(20)
    form = random.randrange(3)
    if form == 0:
        value = base58check(payload)
    elif form == 1:
        value = bech32(0, random.randbytes(random.choice([20, 32])))
    else:
        value = bech32(1, random.randbytes(32))
    yield Sample("BTC", random.choice([value, value.upper()]) if form else value, ("Bitcoin", "BTC address", "wallet"))
    yield Sample("ETH", "0x" + letters(random, 40, HEX), ("Ethereum", "ETH address", "wallet"))


def all_samples(random, fakes, rounds):
    for _ in range(rounds):
        fake = random.choice(fakes)
        for _ in range(3):
            yield email(random, fake)
        for _ in range(4):
            yield phone(random, random.choice(fakes))
        yield birth(random)
        yield from machine(random)
        yield from coin(random)
