#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that can be held up, for tests.

    held.py DIRECTORY

listens on a free port of 127.0.0.1 and writes its number to DIRECTORY/port. The repository NAME is the OCI layout
DIRECTORY/NAME, its tag whatever is asked for. Of a blob that DIRECTORY/held/HEX is there for only the first half comes, and
the rest when that file has gone. DIRECTORY/requests has a line for each request that was answered, or whose blob is held up:
"METHOD PATH FIRST-BYTE". It ends when its standard input is closed.
"""
import json
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory = None

    def log_message(self, *_):
        pass

    def noted(self, begin=0):
        with open(os.path.join(self.directory, "requests"), "a", encoding="utf-8") as out:
            print(self.command, self.path, begin, file=out)

    def answer(self, status, body=b"", headers=(), begin=0, hold=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        self.noted(begin)
        if self.command == "HEAD":
            return
        half = max(begin, len(body) // 2)
        self.wfile.write(body[begin:half])
        self.wfile.flush()
        while hold and os.path.exists(hold):
            time.sleep(0.01)
        self.wfile.write(body[half:])

    def manifest(self, layout, name):
        if not name.startswith("sha256:"):
            with open(os.path.join(layout, "index.json"), encoding="utf-8") as file:
                name = json.load(file)["manifests"][0]["digest"]
        with open(os.path.join(layout, "blobs/sha256", name[7:]), "rb") as file:
            data = file.read()
        headers = [("Content-Type", json.loads(data)["mediaType"]), ("Docker-Content-Digest", name)]
        self.answer(200, data, headers)

    def blob(self, layout, name):
        with open(os.path.join(layout, "blobs/sha256", name[7:]), "rb") as file:
            data = file.read()
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begin = int(wanted[1]) if wanted else 0
        headers = [("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")] if wanted else []
        self.answer(206 if wanted else 200, data, headers, begin, os.path.join(self.directory, "held", name[7:]))

    def serve(self):
        match = re.fullmatch(r"/v2/([a-z0-9]+)/(manifests|blobs)/([^/]+)", self.path)
        try:
            if self.path == "/v2/":
                self.answer(200, b"{}")
            elif match:
                layout = os.path.join(self.directory, match[1])
                (self.manifest if match[2] == "manifests" else self.blob)(layout, match[3])
            else:
                self.answer(404)
        except FileNotFoundError:
            self.answer(404)
        except ConnectionError:
            self.close_connection = True

    do_GET = do_HEAD = serve  # names of http.server


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients go away in the middle here


def main():
    Handler.directory = sys.argv[1]
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = os.path.join(sys.argv[1], "port")
    with open(path + ".part", "w", encoding="ascii") as file:
        print(server.server_address[1], file=file)
    os.rename(path + ".part", path)
    sys.stdin.read()


main()
