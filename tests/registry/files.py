#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A server of files, with its moods, for tests.

    files.py DIRECTORY [CERTIFICATE KEY [AUTHORITY]]

serves the files of DIRECTORY on a free port of 127.0.0.1 and writes into it:

    port       its number, once it listens
    requests   a line for each request: "METHOD PATH RANGE IF-RANGE AUTHORIZATION", "-" for what is not there

With a certificate it speaks TLS; with an authority clients must have a certificate of that. It ends when its standard input is
closed. A file is asked for by its name, behind the mood in which it is served:

    /FILE             as it should be, with an ETag
    /chunked/FILE     without a length
    /breaks/FILE      the connection breaks after each 64 KiB; with Range and ETag
    /forgets/FILE     the same once, without an ETag
    /changes/FILE     breaks once, and has another ETag then
    /range-lie/FILE   breaks once, and then comes another part than was asked for
    /short/FILE       less than the length that is told, always
    /hop/N/FILE       redirects N times
    /away/URL         redirects to the URL
    /status/N         nothing but the status
    /endless          no end
    /empty            nothing
"""
import http.server
import os
import re
import ssl
import sys
import threading

PART = 64 << 10


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    broken = set()

    def log_message(self, *_):
        pass

    def noted(self):
        fields = [self.command, self.path] + [self.headers.get(name, "-") for name in ("Range", "If-Range", "Authorization")]
        with open(os.path.join(self.server.files, "requests"), "a", encoding="utf-8") as out:
            print(*fields, file=out)

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        headers = dict(headers)
        if "Transfer-Encoding" not in headers:
            headers.setdefault("Content-Length", len(body))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def broken_off(self):
        self.wfile.flush()
        self.close_connection = True
        self.connection.close()

    def content(self, name):
        path = os.path.join(self.server.files, os.path.basename(name))
        if not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            return file.read()

    def serve(self, name, tag, breaks, lie=0):
        """With Range if there is a tag that fits; breaking after a part."""
        data = self.content(name)
        if data is None:
            return self.answer(404, body=b"no such file")
        begin, status, headers = 0, 200, {}
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if tag:
            headers["ETag"] = tag
        if wanted and tag and self.headers.get("If-Range") == tag:
            begin, status = int(wanted[1]) + lie, 206
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        body = data[begin:]
        headers["Content-Length"] = len(body)
        if not breaks:
            return self.answer(status, headers, body)
        self.answer(status, headers, body[:PART])
        if len(body) > PART:
            self.broken_off()
        return None

    def once(self, mood):
        """Whether it is the first time."""
        first = mood not in self.broken
        self.broken.add(mood)
        return first

    def endless(self):
        self.answer(200, {"Transfer-Encoding": "chunked"})
        try:
            while True:
                self.wfile.write(b"10000\r\n" + b"x" * PART + b"\r\n")
        except OSError:
            self.close_connection = True

    def chunked(self, name):
        data = self.content(name)
        self.answer(200, {"Transfer-Encoding": "chunked"})
        for at in range(0, len(data), PART):
            part = data[at : at + PART]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def hop(self, rest):
        left, name = rest.split("/", 1)
        if int(left) == 0:
            return self.serve(name, '"tag"', False)
        return self.answer(302, {"Location": f"/hop/{int(left) - 1}/{name}"})

    def do_GET(self):
        self.noted()
        mood, _, rest = self.path[1:].partition("/")
        match mood:
            case "chunked":
                self.chunked(rest)
            case "breaks":
                self.serve(rest, '"tag"', True)
            case "forgets":
                self.serve(rest, None, self.once(mood))
            case "changes":
                self.serve(rest, '"old"' if (first := self.once(mood)) else '"new"', first)
            case "range-lie":
                self.serve(rest, '"tag"', self.once(mood), 1)
            case "short":
                self.serve(rest, None, True)
            case "hop":
                self.hop(rest)
            case "away":
                self.answer(302, {"Location": rest})
            case "status":
                self.answer(int(rest), body=b"<html>")
            case "endless":
                self.endless()
            case "empty":
                self.answer(200)
            case _:
                self.serve(self.path.partition("?")[0], '"tag"', False)


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.files = sys.argv[1]
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        if len(sys.argv) > 4:
            context.load_verify_locations(sys.argv[4])
            context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = os.path.join(server.files, "port")
    with open(path + ".new", "w", encoding="ascii") as out:
        print(server.server_port, file=out)
    os.rename(path + ".new", path)
    sys.stdin.read()


main()
