#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A proxy in front of a registry of the tests that lets little through.

    slow.py DIRECTORY TARGET_PORT BYTES_PER_SECOND

listens on a free port of 127.0.0.1, writes its number to DIRECTORY/port, and hands what it gets to TARGET_PORT; what comes
back it lets through no faster than that. It ends when its standard input is closed.
"""
import os
import socket
import sys
import threading
import time


def forward(source, sink, rate):
    try:
        while data := source.recv(4096 if rate else 65536):
            sink.sendall(data)
            if rate:
                time.sleep(len(data) / rate)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    directory, target, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    listener = socket.create_server(("127.0.0.1", 0))
    with open(os.path.join(directory, "port.part"), "w", encoding="ascii") as file:
        print(listener.getsockname()[1], file=file)
    os.rename(os.path.join(directory, "port.part"), os.path.join(directory, "port"))

    def accept():
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", target))
            threading.Thread(target=forward, args=(client, server, 0), daemon=True).start()
            threading.Thread(target=forward, args=(server, client, rate), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


main()
