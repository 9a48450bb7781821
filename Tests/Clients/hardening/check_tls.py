"""TLS: what is offered, client certificates, and a certificate that changes while connections are open."""

import asyncio
import os
import signal
import ssl
import subprocess
import tempfile
import traceback

from door import PATIENCE, Answer, request
from gateway import Gateway


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Files:
    """A certificate authority and what it signed."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = self.path("ca.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=checks",
                "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self.path("ca.key"), "-out", self.authority)

    def path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, key="server.key", certificate="server.pem", purpose="serverAuth"):
        """Writes key and certificate, each in one step, as renewals do."""
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", self.path("new.key"),
                "-out", self.path("new.csr"))
        with open(self.path("extensions"), "w", encoding="utf-8") as file:
            file.write(f"subjectAltName=DNS:localhost\nextendedKeyUsage={purpose}\n")
        openssl("x509", "-req", "-in", self.path("new.csr"), "-CA", self.authority, "-CAkey", self.path("ca.key"), "-CAcreateserial", "-days", "1",
                "-extfile", self.path("extensions"), "-out", self.path("new.pem"))
        os.replace(self.path("new.key"), self.path(key))
        os.replace(self.path("new.pem"), self.path(certificate))


def client(files, protocols=("http/1.1",), certificate=None):
    made = ssl.create_default_context(cafile=files.authority)
    made.set_alpn_protocols(list(protocols))
    if certificate:
        made.load_cert_chain(files.path(certificate), files.path(certificate.replace(".pem", ".key")))
    return made


async def connect(gateway, made):
    return await asyncio.open_connection("127.0.0.1", gateway.port, ssl=made, server_hostname="localhost", ssl_shutdown_timeout=1)


async def name(gateway, files):
    """What the certificate of a new connection calls the gateway."""
    _, writer = await connect(gateway, client(files))
    subject = writer.get_extra_info("peercert")["subject"]
    writer.close()
    return subject[0][0][1]


async def until(condition):
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.1)


async def health(reader, writer):
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: gateway\r\n\r\n")
    return (await Answer.read(reader)).status


async def reloads(gateway, files):
    """By SIGHUP and by itself; a wrong one keeps the old; connections that are open go on."""
    open_connection = await connect(gateway, client(files))
    assert await health(*open_connection) == 200
    assert await name(gateway, files) == "first"
    files.issue("second")
    gateway.process.send_signal(signal.SIGHUP)
    await until(lambda: is_named("second"))
    files.issue("third")
    await until(lambda: is_named("third"))
    # A key that belongs to another certificate, then a file that is none.
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", files.path("server.key"))
    await until(lambda: logged("certificate kept"))
    assert await name(gateway, files) == "third"
    gateway.log.clear()
    with open(files.path("server.pem"), "w", encoding="utf-8") as file:
        file.write("nothing")
    gateway.process.send_signal(signal.SIGHUP)
    await until(lambda: logged("kept"))
    assert await name(gateway, files) == "third"
    assert await health(*open_connection) == 200
    files.issue("fourth")
    await until(lambda: is_named("fourth"))
    assert await health(*open_connection) == 200


async def versions(gateway, files):
    """TLS 1.2 and 1.3 only, without compression, with suites that keep their secrets; no renegotiation."""
    def with_openssl(*arguments, text=b""):
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-CAfile", files.authority, *arguments], input=text,
                              capture_output=True, check=False, timeout=PATIENCE)

    for arguments in (["-tls1"], ["-tls1_1"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:AES128-GCM-SHA256@SECLEVEL=0"]):
        assert with_openssl(*arguments, "-cipher", "DEFAULT@SECLEVEL=0" if len(arguments) == 1 else arguments[2]).returncode != 0, arguments
    for arguments, said in ((["-tls1_3"], b"TLSv1.3"), (["-tls1_2"], b"TLSv1.2")):
        answer = await asyncio.to_thread(with_openssl, *arguments)
        assert answer.returncode == 0 and said in answer.stdout and b"Compression: NONE" in answer.stdout, answer.stdout[-2000:]
    # `R` asks for a renegotiation.
    answer = await asyncio.to_thread(lambda: with_openssl("-tls1_2", text=b"R\n"))
    assert answer.returncode != 0 and b"RENEGOTIATING" in answer.stdout + answer.stderr, answer.stderr[-2000:]


async def mutual(gateway, files):
    """A certificate of the CA is let in, none and another's are not."""
    assert await health(*await connect(gateway, client(files, certificate="client.pem"))) == 200
    for made in (client(files), client(files, certificate="stranger.pem")):
        try:
            status = await health(*await connect(gateway, made))
        except (OSError, asyncio.IncompleteReadError):
            continue
        raise AssertionError(f"was let in: {status}")


CURRENT = {}


async def is_named(wanted):
    return await name(CURRENT["gateway"], CURRENT["files"]) == wanted


async def logged(text):
    return any(text in line for line in CURRENT["gateway"].log)


async def run(programs):
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        files = Files(folder)
        files.issue("first")
        files.issue("client", "client.key", "client.pem", "clientAuth")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=stranger",
                "-keyout", files.path("stranger.key"), "-out", files.path("stranger.pem"))
        own = f', certificate: "{files.path("server.pem")}", private_key: "{files.path("server.key")}"'
        for title, check, tls in (("TLS: only modern versions and suites, no renegotiation", versions, own), ("TLS: client certificates", mutual, own +
                                  f', client_ca: "{files.authority}"'), ("TLS: the certificate changes under open connections", reloads, own)):
            files.issue("first")
            try:
                async with Gateway(programs, tls=tls) as gateway, asyncio.timeout(120):
                    CURRENT.update(gateway=gateway, files=files)
                    await check(gateway, files)
                print(f"ok hardening: {title}", flush=True)
            except Exception:  # pylint: disable=broad-except
                bad += 1
                print(f"not ok hardening: {title}\n# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
    return bad
