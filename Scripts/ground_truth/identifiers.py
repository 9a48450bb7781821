"""National numbers, cards and accounts. Check digits come from python-stdnum, which also has the last word on each value."""

import string

from stdnum import iban as stdnum_iban
from stdnum import luhn, verhoeff
from stdnum.br import cnpj, cpf
from stdnum.de import idnr
from stdnum.es import ccc, cif, dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar, pan
from stdnum.iso7064 import mod_11_10, mod_97_10
from stdnum.it import codicefiscale
from stdnum.mx import curp, rfc
from stdnum.pt import nif as nif_pt
from stdnum.us import itin, ssn

from .samples import Sample

UPPER = string.ascii_uppercase


def digits(random, count):
    return "".join(random.choice(string.digits) for _ in range(count))


def letters(random, count, alphabet=UPPER):
    return "".join(random.choice(alphabet) for _ in range(count))


def grouped(text, sizes, separator):
    parts = []
    for size in sizes:
        parts.append(text[:size])
        text = text[size:]
    return separator.join(parts + ([text] if text else []))


def valid(make, check):
    """Draws until the oracle agrees: some rules exclude a few values."""
    while True:
        value = make()
        if check(value):
            return value


# Issuer prefix, digits, grouping.
CARDS = [
    ("4", 16, (4, 4, 4)), ("4", 13, (4, 3, 3)), ("4", 19, (4, 4, 4, 4)), ("51", 16, (4, 4, 4)), ("55", 16, (4, 4, 4)),
    ("2221", 16, (4, 4, 4)), ("2720", 16, (4, 4, 4)), ("34", 15, (4, 6)), ("37", 15, (4, 6)), ("300", 14, (4, 6)),
    ("36", 14, (4, 6)), ("38", 14, (4, 6)), ("6011", 16, (4, 4, 4)), ("65", 16, (4, 4, 4)), ("644", 16, (4, 4, 4)),
    ("3528", 16, (4, 4, 4)), ("3589", 16, (4, 4, 4)), ("2131", 15, (4, 6)), ("1800", 15, (4, 6)), ("62", 16, (4, 4, 4)),
    ("62", 19, (6,)), ("5018", 16, (4, 4, 4)), ("6759", 16, (4, 4, 4)), ("6304", 19, (4, 4, 4, 4)), ("2200", 16, (4, 4, 4)),
]  # fmt: skip


def card(random):
    prefix, length, groups = random.choice(CARDS)

    def account():
        body = prefix + digits(random, length - len(prefix) - 1)
        return body + luhn.calc_check_digit(body)

    # A few of 15 digits are valid French numbers too: nobody can tell which they are.
    number = valid(account, lambda value: luhn.is_valid(value) and not nir.is_valid(value))
    separator = random.choice(["", "", " ", "-"])
    value = grouped(number, groups, separator) if separator else number
    return Sample("CARD", value, ("card number", "tarjeta", "credit card", "número de tarjeta", "Visa", "cc"))


# Countries whose account numbers need no digit of their own checked, with the structure that the registry gives.
IBANS = {
    "ES": "n20", "DE": "n18", "FR": None, "GB": "a4n14", "IT": "a1n10c12", "PT": "n21", "NL": "a4n10", "BE": "n12", "CH": "n5c12",
    "AT": "n16", "IE": "a4n14", "PL": "n24", "SE": "n20", "NO": "n11", "DK": "n14", "FI": "n14", "LU": "n3c13", "MT": "a4n5c18",
    "AE": "n19", "SA": "n2c18", "TR": "n5n1c16", "BR": "n23a1c1", "RO": "a4c16", "HU": "n24", "CZ": "n20", "SK": "n20", "SI": "n15",
    "HR": "n17", "BG": "a4n6c8", "EE": "n16", "LV": "a4c13", "LT": "n16", "CY": "n8c16", "GR": "n7c16", "IS": "n22", "LI": "n5c12",
    "MC": "n10c11n2", "SM": "a1n10c12", "AD": "n8c12", "GI": "a4c15", "GL": "n14", "FO": "n14", "IL": "n19", "JO": "a4n4c18",
    "KW": "a4c22", "LB": "n4c20", "MK": "n3c10n2", "MD": "c20", "ME": "n18", "MR": "n23", "MU": "a4n19a3", "PK": "a4c16", "PS": "a4c21",
    "QA": "a4c21", "RS": "n18", "TN": "n20", "UA": "n6c19", "VA": "n18", "VG": "a4n16", "XK": "n16", "AZ": "a4c20", "BA": "n16",
    "BH": "a4c14", "BY": "c4n4c16", "CR": "n18", "DO": "c4n20", "EG": "n25", "GE": "a2n16", "GT": "c4c20", "IQ": "a4n15", "KZ": "n3c13",
    "LC": "a4c24", "LY": "n21", "SC": "a4n20a3", "ST": "n21", "SV": "a4n20", "TL": "n19", "AL": "n8c16", "BI": "n23", "DJ": "n23",
    "RU": "n14c15", "SD": "n14", "SO": "n19", "NI": "a4n20", "MN": "n16", "OM": "n3c16", "YE": "a4n4c18", "FK": "a2n12", "HN": "a4n20",
}  # fmt: skip


def iban(random):
    country = random.choice(list(IBANS))
    structure = IBANS[country] or "n10c11n2"
    body = ""
    position = 0
    while position < len(structure):
        end = position + 1
        while end < len(structure) and structure[end].isdigit():
            end += 1
        count = int(structure[position + 1 : end])
        kind = structure[position]
        body += digits(random, count) if kind == "n" else letters(random, count, UPPER if kind == "a" else UPPER + string.digits)
        position = end
    check = mod_97_10.calc_check_digits(body + country)
    number = country + check + body
    assert stdnum_iban.is_valid(number, check_country=False), number
    spaced = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
    value = random.choice([number, number, spaced, number.lower(), spaced.replace(" ", "-")])
    return Sample("IBAN", value, ("IBAN", "cuenta", "account", "bank account", "cuenta bancaria"))


def spanish_account(random):
    body = digits(random, 4).replace("0000", "2100") + digits(random, 4)
    account = digits(random, 10)
    value = valid(lambda: body + ccc.calc_check_digits(body + "00" + account) + account, ccc.is_valid)
    grouped_value = f"{value[:4]}-{value[4:8]}-{value[8:10]}-{value[10:]}"
    labels = ("CCC", "cuenta bancaria", "número de cuenta", "bank account")
    return Sample("IBAN", random.choice([value, grouped_value, grouped_value.replace("-", " ")]), labels, bare=False)


def bic(random):
    country = random.choice(["ES", "DE", "FR", "GB", "US", "CH", "IT", "NL", "MX", "BR"])
    value = letters(random, 4) + country + random.choice(["MM", "XX", "2A", "33", "BB", "L1"])
    value += random.choice(["", "XXX", "500"])
    return Sample("BIC", value, ("BIC", "SWIFT", "SWIFT code", "código SWIFT", "BIC/SWIFT"), bare=False)


def spanish(random):
    number = digits(random, 8)
    letter = dni.calc_check_digit(number)
    dotted = f"{number[:2]}.{number[2:5]}.{number[5:]}"
    forms = [number + letter, f"{number}-{letter}", f"{dotted}-{letter}", dotted + letter, (number + letter).lower(), f"{number} {letter}"]
    yield Sample("DNI", random.choice(forms), ("DNI", "NIF", "mi documento", "D.N.I.", "identity document"))
    prefix = random.choice("XYZ")
    number = prefix + digits(random, 7)
    number += nie.calc_check_digit(number)
    assert nie.is_valid(number)
    forms = [number, number.lower(), f"{prefix}-{number[1:8]}-{number[8]}", f"{number[:8]}-{number[8]}"]
    yield Sample("NIE", random.choice(forms), ("NIE", "N.I.E.", "residence number"))
    number = random.choice("ABCDEFGHJNPQRSUVW") + digits(random, 7)
    number += random.choice([c for c in cif.calc_check_digits(number)])
    value = valid(lambda: spanish_company(random), cif.is_valid)
    yield Sample("CIF", random.choice([value, f"{value[0]}-{value[1:]}", value.lower()]), ("CIF", "NIF empresa", "VAT", "razón social, CIF"))
    yield Sample("NSS", nss(random), ("NSS", "número de la seguridad social", "afiliación", "social security number"))


def spanish_company(random):
    number = random.choice("ABCDEFGHJNPQRSUVW") + digits(random, 7)
    choices = cif.calc_check_digits(number)
    return number + random.choice(choices)


def nss(random):
    province = random.randint(1, 52)
    number = random.randint(1_000_000, 99_999_999)
    base = int(f"{province}{number:08}") if number >= 10_000_000 else province * 10_000_000 + number
    value = f"{province:02}{number:08}{base % 97:02}"
    return random.choice([value, f"{value[:2]} {value[2:10]} {value[10:]}", f"{value[:2]}/{value[2:10]}/{value[10:]}"])


def passport(random):
    value = random.choice([letters(random, 3) + digits(random, 6), letters(random, 2) + digits(random, 7), digits(random, 9), letters(random, 1) + digits(random, 8)])
    return Sample("PASSPORT", value, ("passport", "passport number", "pasaporte", "número de pasaporte", "passport no."), bare=False)


def american(random):
    value = valid(lambda: digits(random, 9), ssn.is_valid)
    dashed = f"{value[:3]}-{value[3:5]}-{value[5:]}"
    yield Sample("SSN", random.choice([dashed, dashed, dashed.replace("-", " ")]), ("SSN", "social security number", "social"))
    yield Sample("SSN", value, ("SSN", "social security number", "my social"), bare=False)
    area = "9" + digits(random, 2)
    value = valid(lambda: "9" + digits(random, 2) + random.choice([str(n) for n in list(range(50, 66)) + list(range(70, 89)) + [90, 91, 92] + list(range(94, 100))]) + digits(random, 4), itin.is_valid)
    yield Sample("ITIN", f"{value[:3]}-{value[3:5]}-{value[5:]}", ("ITIN", "taxpayer id", "tax id"))
    yield Sample("ITIN", value, ("ITIN", "taxpayer number"), bare=False)


def british(random):
    while True:
        prefix = letters(random, 1, "ABCEGHJKLMNOPRSTWXYZ") + letters(random, 1, "ABCEGHJKLMNPRSTWXYZ")
        if prefix not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"):
            break
    number = prefix + digits(random, 6) + random.choice("ABCD")
    spaced = f"{number[:2]} {number[2:4]} {number[4:6]} {number[6:8]} {number[8]}"
    yield Sample("NINO", random.choice([number, spaced, spaced.replace(" ", "-"), number.lower(), spaced.lower(), f"{number[:2]} {number[2:8]} {number[8]}"]), ("NINO", "NI number", "national insurance number"))

    value = valid(lambda: digits(random, 10), nhs.is_valid)
    yield Sample("NHS", f"{value[:3]} {value[3:6]} {value[6:]}", ("NHS number", "NHS", "NHS no."))
    yield Sample("NHS", random.choice([value, f"{value[:3]}-{value[3:6]}-{value[6:]}"]), ("NHS number", "NHS", "health service number"), bare=False)


def european(random):
    body = random.choice("12") + digits(random, 2) + f"{random.randint(1, 12):02}" + random.choice([f"{random.randint(1, 95):02}", "2A", "2B"]) + f"{random.randint(1, 990):03}" + digits(random, 3)
    value = valid(lambda: body + nir.calc_check_digits(body), nir.is_valid)
    spaced = f"{value[0]} {value[1:3]} {value[3:5]} {value[5:7]} {value[7:10]} {value[10:13]} {value[13:]}"
    yield Sample("NIR", random.choice([value, spaced]), ("NIR", "numéro de sécurité sociale", "sécu", "INSEE"))

    def tax():
        order = list("0123456789")
        random.shuffle(order)
        doubled = order[:9]
        doubled.insert(random.randrange(10), random.choice(doubled))
        body = "".join(doubled)
        return body + mod_11_10.calc_check_digit(body)

    value = valid(tax, idnr.is_valid)
    yield Sample("STEUER_ID", random.choice([value, f"{value[:2]} {value[2:5]} {value[5:8]} {value[8:]}"]), ("Steuer-ID", "Steueridentifikationsnummer", "IdNr", "German tax id"))
    yield Sample("CODICE_FISCALE", italian(random), ("codice fiscale", "C.F.", "tax code"))
    body = random.choice("12356") + digits(random, 7)
    value = body + nif_pt.calc_check_digit(body)
    assert nif_pt.is_valid(value)
    yield Sample("NIF_PT", random.choice([value, f"{value[:3]} {value[3:6]} {value[6:]}", f"PT{value}", f"PT {value}"]), ("NIF", "contribuinte", "número de contribuinte"), bare=False)


def italian(random):
    body = letters(random, 6) + digits(random, 2) + random.choice("ABCDEHLMPRST") + random.choice([f"{random.randint(1, 28):02}", f"{random.randint(41, 68)}"])
    body += random.choice("ABCDEFGHIL") + digits(random, 3)
    omocodia = random.random() < 0.15
    if omocodia:
        changed = 14
        body = body[:changed] + "LMNPQRSTUV"[int(body[changed])] + body[changed + 1 :]
    value = body + codicefiscale.calc_check_digit(body)
    assert codicefiscale.is_valid(value), value
    return value if omocodia else random.choice([value, value.lower()])


def brazilian(random):

    def person():
        body = digits(random, 9)
        return body + cpf._calc_check_digits(body)

    # A few are valid German tax numbers too: nobody can tell which they are.
    value = valid(person, lambda number: cpf.is_valid(number) and not idnr.is_valid(number))
    yield Sample("CPF", random.choice([value, cpf.format(value), cpf.format(value)]), ("CPF", "meu CPF", "cadastro"))

    def company():
        body = digits(random, 8) + "000" + random.choice("123456789")
        return body + cnpj.calc_check_digits(body)

    # A few are valid numbers of cards too.
    value = valid(company, lambda number: cnpj.is_valid(number) and not luhn.is_valid(number))
    yield Sample("CNPJ", random.choice([value, cnpj.format(value), cnpj.format(value)]), ("CNPJ", "empresa CNPJ"))
    body = letters(random, 8, UPPER + string.digits) + "00" + letters(random, 2, UPPER + string.digits)
    value = body + cnpj.calc_check_digits(body)
    assert cnpj.is_valid(value)
    yield Sample("CNPJ", cnpj.format(value), ("CNPJ", "empresa CNPJ"))


def mexican(random):
    date = f"{random.randint(40, 99):02}{random.randint(1, 12):02}{random.randint(1, 28):02}"
    initials = letters(random, 1) + random.choice("AEIOU") + letters(random, 2, "BCDFGHJKLMNPQRSTVWXYZ")
    consonants = "BCDFGHJKLMNPQRSTVWXYZ"

    def code():
        first = letters(random, 1) + random.choice("AEIOU") + letters(random, 2, consonants)
        body = first + date + random.choice("HM") + random.choice(["DF", "JC", "NL", "MC", "OC", "NE"]) + letters(random, 3, consonants) + random.choice("0123456789")
        return body + curp.calc_check_digit(body)

    value = valid(code, curp.is_valid)
    yield Sample("CURP", value, ("CURP", "mi CURP"))

    def tax():
        first = initials if random.random() < 0.7 else letters(random, 3, consonants)
        body = first + date + letters(random, 2, UPPER + string.digits)
        return body + rfc.calc_check_digit(body)

    try:
        value = valid(tax, rfc.is_valid)
    except Exception:
        return
    hyphened = f"{value[:-9]}-{value[-9:-3]}-{value[-3:]}"
    yield Sample("RFC", random.choice([value, value, hyphened]), ("RFC", "R.F.C.", "clave RFC"))


def indian(random):
    def number():
        body = random.choice("23456789") + digits(random, 10)
        return body + verhoeff.calc_check_digit(body)

    value = valid(number, aadhaar.is_valid)
    yield Sample("AADHAAR", f"{value[:4]} {value[4:8]} {value[8:]}", ("Aadhaar", "Aadhaar number", "UIDAI"))
    yield Sample("AADHAAR", value, ("Aadhaar", "aadhaar no"), bare=False)
    value = valid(lambda: letters(random, 3) + random.choice("ABCFGHJLPT") + letters(random, 1) + digits(random, 4) + letters(random, 1), pan.is_valid)
    yield Sample("PAN", value, ("PAN", "permanent account number"))


def all_samples(random, rounds):
    for _ in range(rounds):
        for make in (card, card, iban, iban, spanish_account, bic, passport):
            yield make(random)
        for make in (spanish, american, british, european, brazilian, mexican, indian):
            yield from make(random)
