#!/usr/bin/python3
"""A mirror on the loopback, with the moods that mirrors have.

    serve.py FOLDER STATE [CERTIFICATE]

serves the files of FOLDER, by https if it gets a certificate with its key; the first part of a URL's path is the mood:

    good     ranges and validators, as a mirror should
    norange  no ranges: always the whole file
    die      breaks off after a third of what was asked for
    dieonce  breaks off half-way, the first time that a file is asked for
    stall    sends a little, then nothing
    silent   takes the request, and says nothing
    html     answers everything with a page
    missing  404
    busy     503
    wrong    the last byte is another one
    crooked  like wrong, and a whole file always breaks off half-way
    changed  like dieonce, then another file of the same name
    oddNNN   answers NNN with a word
    emptyNNN answers NNN with nothing
    other    redirects to good
    plain    redirects to http, whatever it came by
    local    redirects to a file of the machine that asks
    long     the file, and zeros without end

It writes its port to STATE/port when it listens, and a line a request to
STATE/log: mood, file, the Range asked for or "-".
"""
import http.server
import os
import ssl
import sys
import time

FOLDER, STATE = sys.argv[1:3]
PAGE = b"<!DOCTYPE html><title>Log in</title><p>Log in to use this network.\n"
seen = set()


def log(*words):
    with open(os.path.join(STATE, "log"), "a") as f:
        print(*words, file=f)


class Mirror(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *ignored):
        pass

    def answer(self, status, body, size=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", len(body) if size is None else size)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        mood, _, name = self.path.lstrip("/").partition("/")
        log(mood, name, self.headers.get("Range", "-"))
        try:
            self.serve(mood, os.path.basename(name))
        except (BrokenPipeError, ConnectionResetError):
            pass

    def serve(self, mood, name):
        first = name not in seen
        seen.add(name)
        path = os.path.join(FOLDER, name)
        if mood == "html":
            return self.answer(200, PAGE, Content_Type="text/html")
        if mood == "silent":
            return time.sleep(60)
        if mood.startswith("odd"):
            return self.answer(int(mood[3:]), b"abc")
        if mood.startswith("empty"):
            return self.answer(int(mood[5:]), b"")
        if mood == "busy":
            return self.answer(503, b"")
        if mood == "missing" or not os.path.isfile(path):
            return self.answer(404, PAGE, Content_Type="text/html")
        if mood == "other":
            return self.answer(302, b"", Location="/good/" + name)
        if mood == "plain":
            return self.answer(302, b"", Location="http://%s/good/%s"
                               % (self.headers["Host"], name))
        if mood == "local":
            return self.answer(302, b"", Location="file://" + os.path.abspath(path))
        with open(path, "rb") as f:
            data = f.read()
        tag = '"%s-%d"' % (mood, len(data))
        if mood in ("wrong", "crooked") or (mood == "changed" and first):
            data = data[:-1] + bytes([data[-1] ^ 1])
            tag = '"another"'
        if mood == "long":
            return self.send_endless(data)

        status, start, extra = 200, 0, {"ETag": tag}
        asked = self.headers.get("Range")
        fresh = self.headers.get("If-Range", tag) == tag
        if asked and fresh and mood != "norange":
            start = int(asked[len("bytes="):].split("-")[0])
            if start >= len(data):
                return self.answer(416, b"", Content_Range="bytes */%d" % len(data))
            status = 206
            extra["Content_Range"] = "bytes %d-%d/%d" % (
                start, len(data) - 1, len(data))
        data = data[start:]
        size = len(data)
        if mood == "die":
            data = data[:size // 3]
        elif (mood in ("dieonce", "norange", "changed") and first
              or mood == "crooked" and start == 0):
            data = data[:size // 2]
        elif mood == "stall":
            data = data[:1000]
        self.answer(status, data, size, **extra)
        self.wfile.flush()
        if len(data) < size:
            if mood == "stall":
                time.sleep(60)
            self.close_connection = True

    def send_endless(self, data):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(data)
        while True:
            self.wfile.write(bytes(65536))


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
server.daemon_threads = True
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(os.path.join(STATE, "port.tmp"), "w") as f:
    print(server.server_address[1], file=f)
os.rename(os.path.join(STATE, "port.tmp"), os.path.join(STATE, "port"))
server.serve_forever()
