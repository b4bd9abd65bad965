#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that lies, for tests.

    hostile.py DIRECTORY [CERTIFICATE KEY [AUTHORITY]]

listens on two free ports of 127.0.0.1, the registry's and that of a stranger ("other"), and writes into DIRECTORY:

    port, other-port   their numbers, other-port first: when `port` is there, both listen
    requests           a line for each request: "registry|other METHOD PATH AUTHORIZATION", the latter "-" if there is none
    image.json         {"manifest": digest, "layer": digest, "layer_size": n, "config": digest, "index-deep": digest}

With a certificate the registry speaks TLS and the stranger does not; with an authority clients must have a certificate of
that. It ends when its standard input is closed.

Every repository holds the same honest image of one layer of 1 MiB and a bit, tagged "latest", linux/amd64. The first part of
a repository's name says how it is served ("resets/image"); credentials are user:secret where any are asked for.

    honest            as it should be
    basic             wants Basic credentials
    bearer            wants a token, had from /token with Basic credentials
    bearer-short      the same; a token is good for three requests only
    anonymous         wants a token that anybody gets
    oauth             wants a token that is had for an identity token ("identity") by POST
    oauth-redirect    the same, but the realm redirects to the stranger
    auth-forever      401 to every token
    token-huge        a token of 8 MiB
    token-none        an answer without a token
    token-control     a token with a line break in it
    realm-other       the stranger is the realm
    realm-redirect    the realm redirects to the stranger
    basic-…, bearer-… any of the others, for who has shown credentials ("basic-redirect")

    redirect          blobs are with the stranger, who serves them
    redirect-401      the stranger wants a token of a realm that is himself
    redirect-loop     blobs lead from one place to another for ever
    redirect-plain    blobs are redirected to plain HTTP
    redirect-file     blobs are redirected to a file: URL
    wrong-digest      a byte of the layer is another one
    wrong-manifest    a byte of the manifest is another one
    wrong-header      Docker-Content-Digest is another one
    more-bytes        a layer with bytes behind it, its length not told
    more-later        the same, in small chunks of which the last 40 come at once
    less-bytes        a layer that ends early, its length not told
    wrong-length      Content-Length is not what the manifest says
    layer-huge        the manifest says that its layer is a petabyte long
    stall             nothing comes after half of a blob
    trickle           the second half of a blob comes byte by byte
    resets            the connection is reset after each 64 KiB of a blob; Range works
    resets-whole      the same, and Range is ignored
    resets-once       reset in the middle once, Range is ignored
    range-lie         another range than was asked for
    range-refused     416 to every Range
    busy              429 with Retry-After: 1, the first time
    busy-long         429 with Retry-After: 3600
    trouble           503, the first time
    trouble-always    503
    errors-gzip       400 with a gzip'd body that nobody asked for
    errors-endless    400 with a body without end
    errors-escapes    403 with terminal escapes in its message
    errors-html       500 with a page of HTML
    headers-endless   headers without end
    manifest-endless  a manifest without end
    manifest-v1       docker's first format
    not-http          bytes that are no HTTP
    tags-loop         the list's next page is itself
    tags-endless      always another page
    tags-other        the next page is with the stranger
    tags-pages        three pages, as it should be
    index-deep        "latest" is an index of an index of an index …, 100 of them; the last names the image
    index-self        "latest" is an index that names itself by a made-up digest, which is served too
    upload-other      uploads go to the stranger, who takes them
    upload-breaks     the connection breaks in the middle of each first PATCH of a session; its state is told
    upload-whole      PATCH is not allowed
    upload-lost       the session is gone after the first PATCH, once
    upload-loses      the same, each time
    upload-commit     the connection breaks at the PUT, which was good
    upload-plain      uploads are sent to plain HTTP
    no-delete         405 to DELETE
    referrers         has referrers, in two pages; unfiltered
"""
import base64
import gzip
import hashlib
import io
import json
import os
import random
import re
import socket
import ssl
import struct
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

OCI = "application/vnd.oci.image."
MANIFEST, INDEX = OCI + "manifest.v1+json", OCI + "index.v1+json"
CREDENTIALS = "Basic " + base64.b64encode(b"user:secret").decode()
PIECE = 64 << 10


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(media_type, data, **more):
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


def json_bytes(value):
    return json.dumps(value).encode()


class Image:
    """The honest image, and what is told about it."""

    def __init__(self):
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            for name, data in (("hello", b"honest\n"), ("noise", random.Random(7).randbytes(1 << 20))):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        self.layer = gzip.compress(tar.getvalue(), mtime=0)
        self.config = json_bytes({
            "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(tar.getvalue())]},
        })
        self.manifest = json_bytes({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": descriptor(OCI + "config.v1+json", self.config),
            "layers": [descriptor(OCI + "layer.v1.tar+gzip", self.layer)],
        })
        self.blobs = {digest_of(data): data for data in (self.layer, self.config)}
        self.manifests = {digest_of(self.manifest): (MANIFEST, self.manifest)}
        inner = descriptor(MANIFEST, self.manifest, platform={"architecture": "amd64", "os": "linux"})
        for _ in range(100):
            index = json_bytes({"schemaVersion": 2, "mediaType": INDEX, "manifests": [inner]})
            self.manifests[digest_of(index)] = (INDEX, index)
            inner = descriptor(INDEX, index, platform={"architecture": "amd64", "os": "linux"})
        self.deep = inner["digest"]
        made_up = "sha256:" + "5" * 64
        itself = json_bytes({
            "schemaVersion": 2, "mediaType": INDEX,
            "manifests": [{"mediaType": INDEX, "digest": made_up, "size": 1000,
                           "platform": {"architecture": "amd64", "os": "linux"}}],
        })
        self.manifests[made_up] = (INDEX, itself)
        self.itself = itself


class State:
    """What the handlers of all connections share."""

    def __init__(self, directory):
        self.image = Image()
        self.lock = threading.Lock()
        self.log = open(os.path.join(directory, "requests"), "a", buffering=1, encoding="utf-8")
        self.seen = {}  # how often (behaviour, path) was asked for
        self.sessions = {}
        self.uploaded = {}  # (repository, digest or tag) → (type, data)
        self.tokens = 0
        self.uses = {}
        self.registry = self.other = None  # URLs

    def times(self, *key):
        with self.lock:
            self.seen[key] = self.seen.get(key, 0) + 1
            return self.seen[key]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state = None
    role = "registry"

    # --- answers

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", headers=(), media_type="application/json"):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code, message, headers=()):
        self.answer(status, json_bytes({"errors": [{"code": code, "message": message}]}), headers)

    def endless(self, status, data, media_type="application/json"):
        """A chunked body without end, until nobody listens."""
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def chunked(self, data):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))

    def chunked_small(self, data):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        pieces = [b"%x\r\n%s\r\n" % (len(data[i:i + 1000]), data[i:i + 1000]) for i in range(0, len(data), 1000)]
        self.wfile.write(b"".join(pieces[:-40]))
        self.wfile.flush()
        time.sleep(0.2)  # it is taken by then
        self.wfile.write(b"".join(pieces[-40:]) + b"0\r\n\r\n")

    def reset(self):
        """Ends the connection so that the other side sees it broken."""
        self.close_connection = True
        self.wfile.flush()
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise ConnectionAbortedError

    def body(self):
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length)

    # --- who asks

    def challenge(self, kind, realm="", scope=""):
        value = 'Basic realm="hostile"'
        if kind == "bearer":
            value = f'Bearer realm="{realm}",service="hostile",scope="{scope}"'
        self.body()
        self.error(401, "UNAUTHORIZED", "authentication required", [("WWW-Authenticate", value)])

    def token_answer(self, lie):
        form = self.body().decode() if self.command == "POST" else ""
        if lie == "oauth-redirect":
            return self.answer(307, b"", [("Location", self.state.other + self.path)])
        if lie == "oauth" and "refresh_token=identity&" not in form:
            return self.error(401, "UNAUTHORIZED", "no such identity token")
        if lie == "token-huge":
            return self.answer(200, json_bytes({"token": "x" * (8 << 20)}))
        if lie == "token-none":
            return self.answer(200, b"{}")
        if lie == "token-control":
            return self.answer(200, json_bytes({"token": "x\r\nEvil: yes"}))
        if lie == "realm-redirect" and self.role == "registry":
            return self.answer(307, b"", [("Location", self.state.other + self.path)])
        wants = lie not in ("anonymous", "auth-forever", "oauth")
        if wants and self.headers.get("Authorization") != CREDENTIALS:
            return self.error(401, "UNAUTHORIZED", "incorrect user name or password")
        with self.state.lock:
            self.state.tokens += 1
            token = f"token-{self.state.tokens}"
            self.state.uses[token] = 0
        return self.answer(200, json_bytes({"token": token, "expires_in": 300}))

    def token_good(self, lie):
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        with self.state.lock:
            if lie == "auth-forever" or token not in self.state.uses:
                return False
            self.state.uses[token] += 1
            return lie != "bearer-short" or self.state.uses[token] <= 3

    def allowed(self, lie, repository):
        """Whether the request may go on; else it has been answered."""
        if lie == "basic":
            if self.headers.get("Authorization") == CREDENTIALS:
                return True
            self.challenge("basic")
            return False
        realms = ("oauth", "oauth-redirect", "bearer", "bearer-short", "anonymous", "auth-forever", "token-huge", "token-none",
                  "token-control", "realm-redirect", "realm-other")
        if lie not in realms or self.token_good(lie):
            return True
        host = self.state.other if lie == "realm-other" else self.state.registry
        self.challenge("bearer", f"{host}/token/{lie}", f"repository:{repository}:pull")
        return False

    # --- blobs

    def pieces(self, data, start, lie):
        """A blob of which a connection brings 64 KiB."""
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = len(data) // 2 if lie == "resets-once" else start + PIECE
        self.wfile.write(data[start:end])
        if end < len(data):
            self.wfile.flush()
            time.sleep(0.001)  # let it arrive before the reset
            self.reset()

    def trickle(self, data):
        for i in range(len(data)):
            self.wfile.write(data[i:i + 1])
            self.wfile.flush()
            time.sleep(0.05)

    def start_asked(self, data):
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        return min(int(match[1]), len(data)) if match else 0

    def blob(self, lie, digest):
        data = self.state.image.blobs.get(digest)
        if data is None:
            return self.error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        layer = data is self.state.image.layer
        start = self.start_asked(data)
        other, path = self.state.other, self.path
        redirects = {
            "redirect": f"{other}/stranger{path}",
            "redirect-401": f"{other}/stranger-401{path}",
            "redirect-loop": f"{path}?{self.state.times(lie)}",
            "redirect-plain": f"{other}/stranger{path}",
            "redirect-file": "file:///etc/passwd",
        }
        if lie in redirects:
            return self.answer(307, b"", [("Location", redirects[lie])])
        if layer and lie == "more-bytes":
            return self.chunked(data + b"more" * 1000)
        if layer and lie == "more-later":
            return self.chunked_small(data + b"more" * 1000)
        if layer and lie == "less-bytes":
            return self.chunked(data[:-1000])
        if layer and lie == "wrong-length":
            return self.answer(200, data + b"x")
        if layer and lie == "wrong-digest":
            data = data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]
        if lie in ("resets", "resets-whole") or (lie == "resets-once" and self.state.times(lie, digest) == 1):
            return self.pieces(data, start if lie == "resets" else 0, lie)
        if lie in ("stall", "trickle"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:len(data) // 2])
            self.wfile.flush()
            if lie == "trickle":
                return self.trickle(data[len(data) // 2:])
            return threading.Event().wait()
        if start and lie == "range-refused":
            return self.answer(416)
        if start and lie == "range-lie":
            start += 1
        if start and lie != "resets-once":
            headers = [("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")]
            return self.answer(206, data[start:], headers, "application/octet-stream")
        return self.answer(200, data, media_type="application/octet-stream")

    # --- manifests

    def manifest(self, lie, repository, reference):
        image = self.state.image
        stored = self.state.uploaded.get((repository, reference))
        media_type, data = stored or image.manifests.get(reference) or (MANIFEST, image.manifest)
        if reference == "latest" and lie == "index-deep":
            media_type, data = image.manifests[image.deep]
        elif reference == "latest" and lie == "index-self":
            media_type, data = INDEX, image.itself
        elif reference.startswith("sha256-") or (":" in reference and not stored
                                                 and reference not in image.manifests):
            return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if lie == "manifest-endless":
            return self.endless(200, b" " * PIECE, MANIFEST)
        if lie == "manifest-v1":
            media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
        if lie == "layer-huge":
            huge = json.loads(data)
            huge["layers"][0]["size"] = 10**15
            data = json_bytes(huge)
        told = digest_of(data) if lie != "wrong-header" else "sha256:" + "0" * 64
        if lie == "wrong-manifest":
            data = data.replace(b"schemaVersion", b"schemaversion")
        return self.answer(200, data, [("Docker-Content-Digest", told)], media_type)

    def tags(self, lie):
        query = parse_qs(urlsplit(self.path).query)
        last = int(query.get("last", ["0"])[0])
        tags = json_bytes({"name": "image", "tags": [f"tag{last}", "latest"]})
        path = urlsplit(self.path).path
        more = {
            "tags-loop": f"{path}?last={last}",
            "tags-endless": f"{path}?last={last + 1}",
            "tags-other": f"{self.state.other}{path}?last={last + 1}",
            "tags-pages": f"{path}?last={last + 1}" if last < 2 else None,
        }.get(lie)
        self.answer(200, tags, [("Link", f'<{more}>; rel="next"')] if more else [])

    def referrers(self, lie, digest):
        if lie != "referrers":
            return self.error(404, "NOT_FOUND", "no such interface")
        second = "second" in self.path
        kind = "application/x.second" if second else "application/x.first"
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [
            {"mediaType": MANIFEST, "digest": "sha256:" + ("2" if second else "1") * 64, "size": 3, "artifactType": kind}]}
        link = [] if second else [("Link", f"</v2/{lie}/image/referrers/{digest}?second>; rel=next")]
        return self.answer(200, json_bytes(index), link, INDEX)

    # --- uploads

    def session_location(self, lie, session):
        if lie in ("upload-other", "upload-plain"):
            return f"{self.state.other}/stranger/session/{session}"
        return f"/v2/{self.repository}/blobs/uploads/{session}?state=x%3D"

    def session_answer(self, status, lie, session):
        data = self.state.sessions[session]
        self.answer(status, b"", [("Location", self.session_location(lie, session)),
                                  ("Range", f"0-{max(len(data) - 1, 0)}")])

    def upload_start(self, lie):
        self.body()
        with self.state.lock:
            session = str(len(self.state.sessions) + 1)
            self.state.sessions[session] = b""
        self.session_answer(202, lie, session)

    def upload_piece(self, lie, session):
        if lie == "upload-whole":
            self.body()
            return self.error(405, "UNSUPPORTED", "the operation is unsupported")
        sessions = self.state.sessions
        if lie == "upload-breaks" and self.state.times(lie, session) == 1:
            sessions[session] += self.rfile.read(PIECE)
            self.reset()
        if (lie == "upload-lost" and self.state.times(lie) == 2) or (lie == "upload-loses" and sessions[session]):
            self.body()
            del sessions[session]
            sessions["gone" + session] = b""
            return self.error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        begin = int((self.headers.get("Content-Range") or "0-").split("-")[0])
        data = self.body()
        if begin != len(sessions[session]):
            return self.session_answer(416, lie, session)
        sessions[session] += data
        return self.session_answer(202, lie, session)

    def upload_end(self, lie, session):
        data = self.state.sessions[session] + self.body()
        digest = parse_qs(urlsplit(self.path).query)["digest"][0]
        if digest_of(data) != digest:
            return self.error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        self.state.uploaded[digest] = data
        self.state.image.blobs.setdefault(digest, data)
        if lie == "upload-commit":
            self.reset()
        return self.answer(201, b"", [("Docker-Content-Digest", digest)])

    def upload(self, lie, session):
        if self.command == "POST":
            return self.upload_start(lie)
        if session not in self.state.sessions:
            self.body()
            return self.error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        if self.command == "PATCH":
            return self.upload_piece(lie, session)
        if self.command == "PUT":
            return self.upload_end(lie, session)
        return self.session_answer(204, lie, session)

    # --- requests

    def trouble(self, lie, path):
        """What has nothing to do with what is asked for. True: it has been answered."""
        first = self.state.times(lie, self.command, path) == 1
        if lie == "busy" and first:
            self.error(429, "TOOMANYREQUESTS", "slow down", [("Retry-After", "1")])
        elif lie == "busy-long":
            self.error(429, "TOOMANYREQUESTS", "come back later", [("Retry-After", "3600")])
        elif lie == "trouble-always" or (lie == "trouble" and first):
            self.error(503, "UNAVAILABLE", "not now")
        elif lie == "errors-gzip":
            body = gzip.compress(json_bytes({"errors": [{"code": "X", "message": "zipped"}]}))
            self.answer(400, body, [("Content-Encoding", "gzip")])
        elif lie == "errors-endless":
            self.endless(400, b"x" * PIECE)
        elif lie == "errors-escapes":
            self.error(403, "DENIED", "\x1b[2J\x1b]0;title\x07denied\nsecond line\u202e")
        elif lie == "errors-html":
            self.answer(500, b"<html>oops</html>", media_type="text/html")
        elif lie == "not-http":
            self.wfile.write(b"\x00\x01\x02 what is this\r\n\r\n")
            self.close_connection = True
        elif lie == "headers-endless":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                self.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")
        else:
            return False
        return True

    def serve_registry(self, path):
        if path == "/v2/":
            return self.answer(200, b"{}")
        if path.startswith("/token/"):
            return self.token_answer(path.split("/")[2])
        match = re.fullmatch(r"/v2/(.+?)/(manifests|blobs|tags|referrers)/(uploads/)?([^/]*)", path)
        if not match:
            return self.error(404, "NOT_FOUND", "no such interface")
        self.repository, kind, uploads, name = match.groups()
        lie = self.repository.split("/")[0]
        wants, _, rest = lie.partition("-")
        if wants not in ("basic", "bearer") or rest in ("", "short"):
            wants, rest = lie, lie
        if not self.allowed(wants, self.repository) or self.trouble(rest, path):
            return None
        lie = rest
        if uploads is not None:
            return self.upload(lie, name)
        if self.command == "DELETE":
            return self.answer(405 if lie == "no-delete" else 202)
        if self.command == "PUT":
            data = self.body()
            for key in (name, digest_of(data)):
                self.state.uploaded[self.repository, key] = (self.headers["Content-Type"], data)
            return self.answer(201, b"", [("Docker-Content-Digest", digest_of(data))])
        if kind == "manifests":
            return self.manifest(lie, self.repository, name)
        if kind == "tags":
            return self.tags(lie)
        if kind == "referrers":
            return self.referrers(lie, name)
        return self.blob(lie, name)

    def serve_other(self, path):
        if path.startswith("/token/"):
            return self.token_answer(path.split("/")[2])
        if path.startswith("/stranger-401/"):
            return self.challenge("bearer", f"{self.state.other}/token/bearer", "repository:any:pull")
        if path.startswith("/stranger/session/"):
            return self.upload("upload-other", path.split("/")[3])
        if path.startswith("/stranger/"):
            return self.blob("honest", path.rsplit("/", 1)[1])
        return self.error(404, "NOT_FOUND", "nothing here")

    def serve(self):
        authorization = self.headers.get("Authorization") or "-"
        self.state.log.write(f"{self.role} {self.command} {self.path} {authorization}\n")
        path = urlsplit(self.path).path
        try:
            if self.role == "registry":
                self.serve_registry(path)
            else:
                self.serve_other(path)
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = serve  # noqa: names of http.server


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # clients go away in the middle here


def listen(state, role, context):
    handler = type(role, (Handler,), {"state": state, "role": role})
    server = Server(("127.0.0.1", 0), handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main():
    directory = sys.argv[1]
    state = State(directory)
    context = None
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
    if len(sys.argv) > 4:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(sys.argv[4])
    other = listen(state, "other", None)
    port = listen(state, "registry", context)
    state.other = f"http://127.0.0.1:{other}"
    state.registry = f"{'https' if context else 'http'}://127.0.0.1:{port}"
    image = state.image
    facts = {"manifest": digest_of(image.manifest), "layer": digest_of(image.layer), "layer_size": len(image.layer),
             "config": digest_of(image.config), "index-deep": image.deep}
    for name, text in (("image.json", json.dumps(facts)), ("other-port", str(other)), ("port", str(port))):
        path = os.path.join(directory, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)
    sys.stdin.read()


main()
