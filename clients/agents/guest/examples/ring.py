#!/usr/bin/env python3
"""Rings through the agent's socket, with nothing but the standard library.

    ring.py recv SOCKET PORT                     print "DOMAIN: message" for each message
    ring.py send SOCKET DOMAIN PORT MESSAGE...   send each MESSAGE, stop at the first that is refused
    ring.py ask SOCKET DOMAIN PORT FROM MESSAGE  send MESSAGE and print the reply, which comes to our port FROM
    ring.py answer SOCKET PORT                   reply to each message with the same in upper case
    ring.py events SOCKET                        print what happens to the session: space, peer-gone, revision ...
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


def received(stream):
    length, domid, name_length, source_port, kind = struct.unpack("<IHHII", exactly(stream, 16))
    name = exactly(stream, name_length).decode()
    return name, source_port, exactly(stream, length)


def recv(path, port):
    stream = opened(path, f"recv {port} any 65536")
    print("listening", file=sys.stderr, flush=True)
    while True:
        name, _, payload = received(stream)
        print(f"{name}: {payload.decode()}", flush=True)


def send_payload(stream, payload):
    stream.write(struct.pack("<I", len(payload)) + payload)
    expect_ok(stream)


def send(path, domain, port, *messages):
    stream = opened(path, f"send {domain} {port} 0 10000")
    for message in messages:
        send_payload(stream, message.encode())


def ask(path, domain, port, source_port, message):
    replies = opened(path, f"recv {source_port} {domain} 65536")
    send_payload(opened(path, f"send {domain} {port} 0 10000 {source_port}"), message.encode())
    print(received(replies)[2].decode(), flush=True)


def answer(path, port):
    stream = opened(path, f"recv {port} any 65536")
    print("listening", file=sys.stderr, flush=True)
    while True:
        name, source_port, payload = received(stream)
        if source_port != 0:
            send_payload(opened(path, f"send {name} {source_port} 0 10000"), payload.upper())


def events(path):
    stream = opened(path, "events")
    print("listening", file=sys.stderr, flush=True)
    for line in stream:
        print(line.decode().rstrip("\n"), flush=True)


ROLES = {"recv": recv, "send": send, "ask": ask, "answer": answer, "events": events}
if len(sys.argv) < 3 or sys.argv[1] not in ROLES:
    sys.exit(__doc__)
ROLES[sys.argv[1]](*sys.argv[2:])
