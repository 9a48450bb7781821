"""Credentials in the forms that their issuers document, keys, connection strings and assignments."""

import base64
import json
import string

from .identifiers import digits, letters
from .samples import Sample

LOWER = string.ascii_lowercase
ALNUM = string.ascii_letters + string.digits
TOKEN = ALNUM + "_-"
HEX = "0123456789abcdef"
UPNUM = string.ascii_uppercase + string.digits
LONUM = string.ascii_lowercase + string.digits

# Issuer: pieces, each a text or (alphabet, count).
FORMS = {
    "OpenAI": [["sk-", (ALNUM, 48)], ["sk-proj-", (TOKEN, 74), "T3BlbkFJ", (TOKEN, 74)], ["sk-svcacct-", (TOKEN, 58), "T3BlbkFJ", (TOKEN, 58)]],
    "Anthropic": [["sk-ant-api03-", (TOKEN, 93), "AA"], ["sk-ant-admin01-", (TOKEN, 93), "AA"]],
    "Google": [["AIza", (TOKEN, 35)], ["GOCSPX-", (TOKEN, 28)], ["ya29.a0Af", (TOKEN, 120)]],
    "AWS": [["AKIA", (UPNUM, 16)], ["ASIA", (UPNUM, 16)]],
    "Azure": [[(ALNUM, 3), "8Q~", (ALNUM + "_-", 34)]],
    "GitHub": [["ghp_", (ALNUM, 36)], ["gho_", (ALNUM, 36)], ["ghu_", (ALNUM, 36)], ["ghs_", (ALNUM, 36)], ["ghr_", (ALNUM, 36)],
               ["github_pat_", (ALNUM, 22), "_", (ALNUM, 59)]],
    "GitLab": [["glpat-", (TOKEN, 20)], ["gldt-", (TOKEN, 20)], ["glrt-", (TOKEN, 20)], ["glptt-", (HEX, 40)], ["glft-", (TOKEN, 20)],
               ["glagent-", (TOKEN, 50)], ["glcbt-64_", (TOKEN, 20)]],
    "Slack": [["xoxb-", (string.digits, 12), "-", (string.digits, 12), "-", (ALNUM, 24)], ["xoxp-", (string.digits, 12), "-", (string.digits, 12), "-", (string.digits, 12), "-", (HEX, 32)],
              ["xapp-1-A", (UPNUM, 10), "-", (string.digits, 13), "-", (HEX, 64)]],
    "Stripe": [["sk_live_", (ALNUM, 24)], ["rk_live_", (ALNUM, 24)], ["sk_test_", (ALNUM, 99)], ["whsec_", (ALNUM, 32)]],
    "Twilio": [["SK", (HEX, 32)], ["AC", (HEX, 32)]],
    "SendGrid": [["SG.", (TOKEN, 22), ".", (TOKEN, 43)]],
    "npm": [["npm_", (ALNUM, 36)]],
    "PyPI": [["pypi-AgEIcHlwaS5vcmc", (TOKEN, 120)]],
    "Hugging Face": [["hf_", (string.ascii_letters, 34)]],
    "Supabase": [["sbp_", (HEX, 40)], ["sb_secret_", (TOKEN, 31)]],
    "Cloudflare": [["v1.0-", (HEX, 24), "-", (HEX, 146)]],
    "Telegram": [[(string.digits, 9), ":AA", (TOKEN, 33)]],
    "Discord": [["M", (ALNUM, 23), ".", (TOKEN, 6), ".", (TOKEN, 27)], ["N", (ALNUM, 25), ".", (TOKEN, 6), ".", (TOKEN, 38)]],
    "Shopify": [["shpat_", (HEX, 32)], ["shpss_", (HEX, 32)]],
    "Mailgun": [["key-", (HEX, 32)]],
    "Mailchimp": [[(HEX, 32), "-us", "12"]],
    "DigitalOcean": [["dop_v1_", (HEX, 64)], ["doo_v1_", (HEX, 64)]],
    "Databricks": [["dapi", (HEX, 32)]],
    "Linear": [["lin_api_", (ALNUM, 40)]],
    "Notion": [["ntn_", (string.digits, 11), (ALNUM, 35)], ["secret_", (ALNUM, 43)]],
    "Postman": [["PMAK-", (HEX, 24), "-", (HEX, 34)]],
    "Doppler": [["dp.pt.", (ALNUM, 43)]],
    "Vault": [["hvs.", (TOKEN, 95)], ["hvb.", (TOKEN, 150)]],
    "Terraform": [[(ALNUM, 14), ".atlasv1.", (TOKEN, 67)]],
    "Grafana": [["glsa_", (ALNUM, 32), "_", (HEX, 8)], ["glc_eyJ", (ALNUM, 80)]],
    "Heroku": [["HRKU-AA", (TOKEN, 58)]],
    "New Relic": [["NRAK-", (UPNUM, 27)], ["NRJS-", (HEX, 19)]],
    "Sentry": [["sntryu_", (HEX, 64)]],
    "Square": [["sq0atp-", (TOKEN, 22)], ["sq0csp-", (TOKEN, 43)], ["EAAA", (TOKEN, 60)]],
    "Atlassian": [["ATATT3xFfGF0", (TOKEN, 171), "=", ("0123456789ABCDEF", 8)]],
    "Dropbox": [["sl.", (TOKEN, 138)]],
    "Groq": [["gsk_", (ALNUM, 52)]],
    "xAI": [["xai-", (ALNUM, 80)]],
    "Perplexity": [["pplx-", (ALNUM, 48)]],
    "Replicate": [["r8_", (ALNUM, 37)]],
    "age": [["AGE-SECRET-KEY-1", ("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)]],
    "Airtable": [["pat", (ALNUM, 14), ".", (HEX, 64)]],
    "Dynatrace": [["dt0c01.", (UPNUM, 24), ".", (UPNUM, 64)]],
    "Pulumi": [["pul-", (HEX, 40)]],
    "RubyGems": [["rubygems_", (HEX, 48)]],
    "Docker": [["dckr_pat_", (TOKEN, 27)]],
    "PlanetScale": [["pscale_tkn_", (TOKEN, 43)]],
    "Figma": [["figd_", (TOKEN, 40)]],
    "Typeform": [["tfp_", (TOKEN, 59)]],
    "Sonar": [["squ_", (HEX, 40)], ["sqp_", (HEX, 40)]],
    "Artifactory": [["AKCp", (ALNUM, 69)]],
    "1Password": [["A3-", (UPNUM, 6), "-", (UPNUM, 11), "-", (UPNUM, 5), "-", (UPNUM, 5), "-", (UPNUM, 5)]],
}  # fmt: skip


def draw(random, pieces):
    return "".join(piece if isinstance(piece, str) else letters(random, piece[1], piece[0]) for piece in pieces)


def token(random):
    issuer = random.choice(list(FORMS))
    while True:
        value = draw(random, random.choice(FORMS[issuer]))
        # A token that ends in punctuation ends a sentence differently; issuers' tokens have both letters and digits.
        if value[-1] not in "-_" and any(c.isdigit() for c in value[4:]) or issuer == "Hugging Face":
            break
    return Sample("SECRET", value, (f"{issuer} key", f"{issuer} token", "clave de API", "api key"))


def slack_webhook(random):
    value = f"https://hooks.slack.com/services/T{letters(random, 8, UPNUM)}/B{letters(random, 10, UPNUM)}/{letters(random, 24, ALNUM)}"
    return Sample("SECRET", value, ("webhook", "Slack webhook"))


def discord_webhook(random):
    value = f"https://discord.com/api/webhooks/{digits(random, 18)}/{letters(random, 68, ALNUM)}"
    return Sample("SECRET", value, ("webhook", "Discord webhook"))


def jwt(random):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")

    header = part({"alg": random.choice(["HS256", "RS256", "ES256"]), "typ": "JWT"})
    body = part({"sub": digits(random, 10), "name": letters(random, 8, LOWER), "iat": int(digits(random, 9))})
    return Sample("JWT", f"{header}.{body}.{letters(random, 42, TOKEN)}{random.choice(ALNUM)}", ("token", "JWT", "session"))


def private_key(random):
    label = random.choice(["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "DSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK"])
    lines = [letters(random, 64, ALNUM + "+/") for _ in range(random.randint(3, 25))] + [letters(random, 43, ALNUM) + "="]
    if "PGP" in label:
        lines = ["Version: GnuPG v2", ""] + lines + ["=" + letters(random, 4, ALNUM)]
    glue = random.choice(["\n", "\n", "\r\n", "\\n"])
    return Sample("PRIVATE_KEY", glue.join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"]), ("key",), block=True)


def password(random, fake):
    return random.choice([
        fake.password(length=12), fake.password(length=16), letters(random, 20, ALNUM) + "9", f"{fake.word().capitalize()}{digits(random, 4)}!",
        f"{fake.word()}{digits(random, 3)}", letters(random, 32, HEX),
    ])  # fmt: skip


def connection(random, fake):
    user = fake.user_name()
    secret = letters(random, random.randint(8, 20), ALNUM)
    host = f"db{digits(random, 2)}.{fake.domain_name()}"
    scheme = random.choice(["postgres", "postgresql", "mysql", "mongodb+srv", "mongodb", "redis", "amqp", "amqps", "https", "ftp", "sftp", "postgresql+psycopg2"])
    return Sample("URL_CREDENTIALS", f"{user}:{secret}", ("connection",), block=True, before=f"{scheme}://", after=f"@{host}/{fake.word()}")


def connection_fields(random):
    secret = letters(random, random.randint(8, 20), ALNUM)
    key = base64.b64encode(random.randbytes(64)).decode()
    host = letters(random, 8, LOWER)
    forms = [
        (f"Server={host}.example.com,1433;Database=app;User Id=sa;Password=", secret, ";Encrypt=true;"),
        (f"DefaultEndpointsProtocol=https;AccountName={host};AccountKey=", key, ";EndpointSuffix=core.windows.net"),
        (f"jdbc:mysql://{host}.example.com/app?user=app&password=", secret, "&useSSL=true"),
        (f"Endpoint=sb://{host}.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=", base64.b64encode(random.randbytes(32)).decode(), ""),
        (f"host={host} port=5432 user=app password=", secret, " sslmode=require"),
    ]
    before, value, after = random.choice(forms)
    return Sample("PASSWORD", value, ("connection string",), block=True, before=before, after=after)


ASSIGNMENTS = [
    ("password={}", ""), ('password = "{}"', '"'), ("PASSWORD: {}", ""), ('"password": "{}"', '"'), ("DB_PASSWORD={}", ""), ("db.password={}", ""),
    ("export API_TOKEN='{}'", "'"), ("pwd: '{}'", "'"), ("contraseña: {}", ""), ("clave={}", ""), ("passwd => '{}'", "'"), ("<password>{}</password>", "<"),
    ('const apiKey = "{}";', '"'), ("api_secret := `{}`", "`"), ("--password={}", ""), ("--password {} ", " "), ("Passwort: {}", ""), ("senha: {}", ""),
    ("client_secret: {}", ""), ('val authToken: String = "{}"', '"'), ("$env:SECRET_KEY = '{}'", "'"), ('{{\\"password\\": \\"{}\\"}}', "\\"),
    ("my password is {} ", " "), ("la contraseña es {} ", " "), ('secret_key ?= "{}"', '"'),
]  # fmt: skip


def assignment(random, fake):
    form, stop = random.choice(ASSIGNMENTS)
    lowered = form.lower()
    strong = not any(word in lowered for word in ("passw", "pwd", "contraseña", "clave", "senha", " is ", " es "))
    while True:
        value = letters(random, random.randint(20, 40), ALNUM) if strong else password(random, fake)
        unsafe = " ,;&\"'`<>()[]{}\\$%*/|" if not stop or stop == " " else "\"'`\\<>{}"
        if not any(c in unsafe for c in value) and any(c.isdigit() for c in value) and any(c.isalpha() for c in value) and value[-1].isalnum() and len(value) > 5:
            break
    before, after = form.format("\0").split("\0")
    return Sample("PASSWORD", value, ("",), block=True, before=before, after=after)


def header(random):
    kind = random.randrange(3)
    if kind == 0:
        return Sample("PASSWORD", letters(random, 40, ALNUM), ("",), block=True, before="Authorization: Bearer ")
    if kind == 1:
        value = base64.b64encode(f"user:{letters(random, 12, ALNUM)}".encode()).decode()
        return Sample("PASSWORD", value, ("",), block=True, before="Authorization: Basic ")
    return Sample("PASSWORD", letters(random, 32, HEX), ("",), block=True, before="X-Api-Key: ")


def all_samples(random, fakes, rounds):
    for _ in range(rounds):
        for _ in range(8):
            yield token(random)
        yield slack_webhook(random)
        yield discord_webhook(random)
        yield jwt(random)
        yield private_key(random)
        for _ in range(2):
            yield connection(random, random.choice(fakes))
            yield connection_fields(random)
            yield assignment(random, random.choice(fakes))
            yield assignment(random, random.choice(fakes))
        yield header(random)
