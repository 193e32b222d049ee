#!/usr/bin/env python3
"""Rings through the agent's socket, with nothing but the standard library.

    ring.py recv SOCKET PORT                     print "DOMAIN: message" for each message
    ring.py send SOCKET DOMAIN PORT MESSAGE...   send each MESSAGE, stop at the first that is refused
"""
import socket
import struct
import sys


def opened(path, request):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(path)
    stream = connection.makefile("rwb")
    stream.write(request.encode() + b"\n")
    expect_ok(stream)
    return stream


def expect_ok(stream):
    stream.flush()
    answer = stream.readline().decode().rstrip("\n")
    if answer != "ok":
        sys.exit(f"refused: {answer}")


def exactly(stream, length):
    data = stream.read(length)
    if len(data) < length:
        sys.exit("the agent hung up")
    return data


def recv(path, port):
    stream = opened(path, f"recv {port} any 65536")
    print("listening", file=sys.stderr, flush=True)
    while True:
        length, domid, name_length, source_port, kind = struct.unpack("<IHHII", exactly(stream, 16))
        name = exactly(stream, name_length).decode()
        print(f"{name}: {exactly(stream, length).decode()}", flush=True)


def send(path, domain, port, *messages):
    stream = opened(path, f"send {domain} {port} 0 10000")
    for message in messages:
        payload = message.encode()
        stream.write(struct.pack("<I", len(payload)) + payload)
        expect_ok(stream)


if len(sys.argv) < 4 or sys.argv[1] not in ("recv", "send"):
    sys.exit(__doc__)
{"recv": recv, "send": send}[sys.argv[1]](*sys.argv[2:])
