"""A worker of docs/guest-protocol.md for the gateway's tests: `python toy_guest.py SOCKET`. The path says what it does.

/score echoes the body. Query: status=N, sleep_ms=N, die=1, chunks=N (answers in N chunks, sleep_ms between them),
break=1 (dies within a chunked answer), bad_head=1, size=N (answers N bytes), told=1 (answers what it was told as JSON),
run_us=N (says that it took so long).
"""

import json
import mmap
import os
import select
import signal
import socket
import struct
import sys
import time
import uuid
from urllib.parse import parse_qsl, urlsplit

REQUEST = struct.Struct(">IQI16s")
RESPONSE = struct.Struct(">IQII")
CHUNKED = 2**64 - 1
LENT = 2**63
KEPT = 2**62


class CalledOff(Exception):
    pass


class Toy:
    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        self.connection = None
        self.is_running = False
        self.loan = None
        self.loans = {}
        signal.signal(signal.SIGUSR1, self.look)

    def look(self, *_):
        if self.is_running and self.is_gone():
            self.is_running = False
            raise CalledOff

    def is_gone(self):
        poll = select.poll()
        poll.register(self.connection, 0)
        return bool(poll.poll(0))

    def serve(self):
        while True:
            self.connection, _ = self.listener.accept()
            with self.connection:
                try:
                    self.connection.sendall(b"lazulite-guest\x01")
                    while self.one():
                        pass
                except CalledOff:
                    print("called off", flush=True)
                except OSError as error:
                    print("connection ended:", error, flush=True)

    def read(self, size):
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = self.connection.recv_into(view)
            if not count:
                raise ConnectionError("the gateway is gone")
            view = view[count:]
        return bytes(data)

    def borrow(self, path):
        if path not in self.loans:
            with open(path, "r+b") as file:  # noqa: PTH123 - as a guest of any Python would
                self.loans[path] = mmap.mmap(file.fileno(), 0)
        return self.loans[path]

    def one(self):
        head_bytes, body_bytes, timeout_ms, request_id = REQUEST.unpack(self.read(REQUEST.size))
        head = self.read(head_bytes)
        body, parts, self.loan = b"", 0, None
        if body_bytes >= LENT and body_bytes != CHUNKED:
            loan = self.borrow(self.read(struct.unpack(">I", self.read(4))[0]))
            body, self.loan = loan[: body_bytes & ~(LENT | KEPT)], None if body_bytes & KEPT else loan
        elif body_bytes == CHUNKED:
            while size := struct.unpack(">I", self.read(4))[0]:
                body += self.read(size)
                parts += 1
        else:
            body = self.read(body_bytes)
        target = head.rpartition(b"x-lazulite-path: ")[2].decode().strip()
        wish = dict(parse_qsl(urlsplit(target).query))
        told = {"id": str(uuid.UUID(bytes=request_id)), "timeout_ms": timeout_ms, "head": head.decode(), "parts": parts}
        told["lent"] = body_bytes != CHUNKED and body_bytes >= LENT
        self.is_running = True
        began = time.perf_counter()
        self.look()
        body = self.run(wish, body, told)
        self.is_running = False
        self.answer(wish, body, int(wish.get("run_us", (time.perf_counter() - began) * 1e6)))
        return True

    def run(self, wish, body, told):
        time.sleep(int(wish.get("sleep_ms", 0)) / 1000 if "chunks" not in wish else 0)
        if "die" in wish:
            print("dying", flush=True)
            os._exit(9)
        if "told" in wish:
            return json.dumps({**told, "body_bytes": len(body), "pid": os.getpid()}).encode()
        return b"x" * int(wish["size"]) if "size" in wish else body

    def answer(self, wish, body, run_us):
        status = int(wish.get("status", 200))
        head = b"content-type: application/octet-stream\r\nx-toy: 1\r\n"
        if "bad_head" in wish:
            head = b"content-type: text/plain\r\n\r\nHTTP/1.1 200 OK\r\n"
        if self.loan and "chunks" not in wish and len(body) <= len(self.loan):
            self.loan[: len(body)] = body
            self.connection.sendall(RESPONSE.pack(len(head), len(body) | LENT, status, run_us) + head)
            return
        if "chunks" not in wish:
            self.connection.sendall(RESPONSE.pack(len(head), len(body), status, run_us) + head + body)
            return
        self.connection.sendall(RESPONSE.pack(len(head), CHUNKED, status, run_us) + head)
        self.is_running = True
        for number in range(int(wish["chunks"])):
            piece = body or b"piece %d\n" % number
            self.connection.sendall(struct.pack(">I", len(piece)) + piece)
            time.sleep(int(wish.get("sleep_ms", 0)) / 1000)
            if "break" in wish:
                os._exit(9)
        self.is_running = False
        self.connection.sendall(struct.pack(">I", 0))


if __name__ == "__main__":
    Toy(sys.argv[1]).serve()
