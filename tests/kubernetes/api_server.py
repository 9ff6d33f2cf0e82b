"""A real Kubernetes API server on loopback for tests: etcd and apiextensions-apiserver with Istio's CRDs.

`with start_api_server(tmp_path) as server:` runs both as direct children until the block ends. README.md says what has to be
installed. The server serves custom resources by explicit paths; namespaces need not exist.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MODULE, VERSION = "k8s.io/apiextensions-apiserver", "v0.37.2"
CRDS = Path(__file__).parent.parent / "data" / "istio-crds.yaml"
SECONDS = 60.0

_CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

# What apiextensions-apiserver cannot do without a whole kube-apiserver behind it.
_DISABLED = (
    "NamespaceLifecycle,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,MutatingAdmissionPolicy,ValidatingAdmissionPolicy"
)


def find_etcd() -> Path:
    """The `etcd` binary (Debian: etcd-server)."""
    found = shutil.which("etcd") or shutil.which("etcd", path="/usr/sbin:/usr/local/bin")
    assert found, "no etcd binary: see tests/kubernetes/README.md"
    return Path(found)


def find_api_server() -> Path:
    """The server's binary in the cache, built with Go where it is not there yet (minutes, once)."""
    default = Path.home() / ".cache" / "meshgen"
    directory = Path(os.environ.get("MESHGEN_CACHE") or default) / f"apiextensions-apiserver-{VERSION}"
    binary = directory / "apiextensions-apiserver"
    if not binary.exists():
        go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
        assert go, "no Go to build apiextensions-apiserver with: see tests/kubernetes/README.md"
        environment = {**os.environ, "GOBIN": str(directory)}
        subprocess.run([go, "install", f"{MODULE}@{VERSION}"], env=environment, check=True)
    return binary


def free_ports(count: int) -> list[int]:
    """TCP ports that were free a moment ago, no two alike."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


class Authority:
    """A certificate authority of its own for each server."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "meshgen tests")])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = self._builder(self.name, self.key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.certificate = builder.add_extension(usage, critical=True).sign(self.key, hashes.SHA256())
        self.path = directory / "ca.crt"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *, organization: str = "") -> tuple[Path, Path]:
        """Certificate and key files for a user, or for the server itself (which listens on 127.0.0.1)."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if organization:
            attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = self._builder(x509.Name(attributes), key).add_extension(usages, critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(address, critical=False).add_extension(identifier, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        paths = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return paths

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509
            .CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=2))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )


@dataclass(frozen=True, slots=True)
class ApiServer:
    """A live API server."""

    url: str
    authority: Authority
    directory: Path

    def kubeconfig(self, user: str = "admin", *, organization: str = "system:masters", server: str = "") -> Path:
        """A kubeconfig file of a user; members of `system:masters` may do anything, `<namespace>-reader` may read."""
        certificate, key = self.authority.issue(user, organization=organization)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "clusters": [
                {
                    "name": "test",
                    "cluster": {"server": server or self.url, "certificate-authority": str(self.authority.path)},
                }
            ],
            "users": [{"name": user, "user": {"client-certificate": str(certificate), "client-key": str(key)}}],
        }
        path = self.directory / f"{user}.kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Any:  # noqa: ANN401 - JSON of any shape
        """One request as the administrator; gives the answer's JSON (text for `/livez`), raises HTTPError beyond 299."""
        context = ssl.create_default_context(cafile=str(self.authority.path))
        context.load_cert_chain(self.directory / "admin.crt", self.directory / "admin.key")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers={"Content-Type": content_type})
        with urllib.request.urlopen(request, context=context, timeout=20) as answer:
            content = answer.read()
        return json.loads(content) if content.startswith(b"{") else content.decode()

    def apply(self, value: dict[str, Any], *, manager: str = "meshgen", dry_run: bool = False) -> Any:  # noqa: ANN401 - JSON of any shape
        """Server-side apply, as Argo CD and Flux do it; with `dry_run` nothing is stored."""
        group, version = value["apiVersion"].split("/")
        plural = PLURALS[value["kind"]]
        metadata = value["metadata"]
        path = f"/apis/{group}/{version}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"
        query = f"?fieldManager={manager}&force=true&fieldValidation=Strict{'&dryRun=All' * dry_run}"
        return self.request("PATCH", path + query, value, "application/apply-patch+yaml")

    def remove_crd(self, name: str) -> dict[str, Any]:
        """Delete a CRD, wait until it is no longer served, and give what it was."""
        path = f"{_CRD_PATH}/{name}"
        crd: dict[str, Any] = self.request("GET", path)
        self.request("DELETE", path)
        gone = [path, *_served_paths(crd)]
        wait_until(lambda: not any(_answers(self, each) for each in gone), "the CRD was gone")
        return crd

    def create_crd(self, crd: dict[str, Any]) -> None:
        """Create a CRD and wait until it is served."""
        metadata = {name: crd["metadata"].get(name) for name in ("name", "annotations", "labels")}
        crd = {**crd, "metadata": metadata}
        spec = {"apiVersion": crd["apiVersion"], "kind": crd["kind"], "metadata": crd["metadata"], "spec": crd["spec"]}
        self.request("POST", _CRD_PATH, spec)
        wait_until(lambda: all(_answers(self, each) for each in _served_paths(crd)), "the CRD was established")


PLURALS: dict[str, str] = {
    document["spec"]["names"]["kind"]: document["spec"]["names"]["plural"]
    for document in yaml.load_all(CRDS.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if document
}


def wait_until(condition: Callable[[], bool], what: str, alive: Sequence[tuple[subprocess.Popen[bytes], Path]] = ()) -> None:
    """Poll until the condition holds; fails with the log of a process that ended, or when the deadline passes."""
    deadline, pause = time.monotonic() + SECONDS, threading.Event()
    while not condition():
        for process, log in alive:
            assert process.poll() is None, f"{process.args} ended:\n{log.read_text(errors='replace')[-4000:]}"
        assert time.monotonic() < deadline, f"timed out waiting until {what}"
        pause.wait(0.05)


@contextmanager
def start_api_server(directory: Path) -> Iterator[ApiServer]:
    """Run etcd and the API server until the block ends, with Istio's CRDs established."""
    directory.mkdir(parents=True, exist_ok=True)
    server_binary, etcd_binary = find_api_server(), find_etcd()
    client, peer, port = free_ports(3)
    authority = Authority(directory)
    server = ApiServer(f"https://127.0.0.1:{port}", authority, directory)
    kubeconfig = server.kubeconfig()
    with ExitStack() as stack:
        etcd = stack.enter_context(_running(_etcd_command(etcd_binary, directory, client, peer), directory / "etcd.log"))
        authorizer = stack.enter_context(_authorizer(directory))
        command = _server_command(server_binary, authority, (kubeconfig, authorizer), (client, port))
        process = stack.enter_context(_running(command, directory / "server.log"))
        alive = [(etcd, directory / "etcd.log"), (process, directory / "server.log")]
        # Not /readyz, which stays red without a whole control plane.
        wait_until(lambda: _answers(server, "/livez"), "the API server was live", alive)
        _install_crds(server, alive)
        yield server


@contextmanager
def _authorizer(directory: Path) -> Iterator[Path]:
    """The kubeconfig of what answers the server in place of RBAC: a user named `<namespace>-reader` may read there."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked = review["spec"].get("resourceAttributes") or {}
            namespace = asked.get("namespace", "")
            reader = bool(namespace) and review["spec"].get("user") == f"{namespace}-reader"
            review["status"] = {"allowed": reader and asked.get("verb") in ("get", "list")}
            answer = json.dumps(review).encode()
            self.send_response(201)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            """Keep tests quiet."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "server"}}],
        "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{listener.server_address[1]}"}}],
        "users": [{"name": "server", "user": {}}],
    }
    path = directory / "authorizer.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    try:
        yield path
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join(5)


def _etcd_command(binary: Path, directory: Path, client: int, peer: int) -> list[str]:
    peers = f"http://127.0.0.1:{peer}"
    clients = f"http://127.0.0.1:{client}"
    return [
        *(str(binary), "--data-dir", str(directory / "etcd"), "--unsafe-no-fsync"),
        *("--listen-client-urls", clients, "--advertise-client-urls", clients),
        *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}"),
    ]


def _server_command(binary: Path, authority: Authority, kubeconfigs: tuple[Path, Path], ports: tuple[int, int]) -> list[str]:
    """`kubeconfigs` lead to the server itself and to who authorizes; `ports` are etcd's and the server's."""
    certificate, key = authority.issue("server")
    kubeconfig, authorizer = kubeconfigs
    etcd, port = ports
    return [
        *(str(binary), f"--etcd-servers=http://127.0.0.1:{etcd}", "--bind-address=127.0.0.1", f"--secure-port={port}"),
        *(f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}", f"--client-ca-file={authority.path}"),
        *(f"--kubeconfig={kubeconfig}", f"--authentication-kubeconfig={kubeconfig}"),
        *(f"--authorization-kubeconfig={authorizer}", "--authentication-skip-lookup=true"),
        *("--enable-priority-and-fairness=false", f"--disable-admission-plugins={_DISABLED}"),
    ]


@contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink)
        try:
            yield process
        finally:
            process.kill()  # nothing here is worth a graceful end
            process.wait(10)


def _answers(server: ApiServer, path: str) -> bool:
    try:
        server.request("GET", path)
    except OSError:
        return False
    return True


def _install_crds(server: ApiServer, alive: Sequence[tuple[subprocess.Popen[bytes], Path]]) -> None:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    crds = [document for document in yaml.load_all(CRDS.read_text(), Loader=loader) if document]
    for crd in crds:
        server.request("POST", _CRD_PATH, crd)
    paths = [path for crd in crds for path in _served_paths(crd)]
    wait_until(lambda: all(_answers(server, path) for path in paths), "the CRDs were established", alive)


def _served_paths(crd: dict[str, Any]) -> list[str]:
    spec = crd["spec"]
    versions = [version["name"] for version in spec["versions"] if version["served"]]
    return [f"/apis/{spec['group']}/{version}/{spec['names']['plural']}" for version in versions]
