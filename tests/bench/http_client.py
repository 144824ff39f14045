"""A small HTTP/1.1 client over one kept connection: cheap, so that what is measured is the server."""

import base64
import json
import os
import socket
from urllib.parse import urlsplit

API = "/pulp/api/v3/"


class HttpError(Exception):
    """An answer that a measurement did not expect."""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Client:
    """One connection to one server. Not for several threads."""

    def __init__(self, url, headers=None):
        parts = urlsplit(url)
        self.url = url
        self.address = (parts.hostname, parts.port or 80)
        self.headers = dict(headers or {})
        self.socket = None
        self.buffer = b""

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket, self.buffer = None, b""

    def request(self, method, path, body=b"", content_type=None, headers=None):
        """Sends one request and reads its answer; a kept connection that the server closed is made anew."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.address[0]}:{self.address[1]}"]
        lines += [f"{name}: {value}" for name, value in {**self.headers, **(headers or {})}.items()]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(body)}")
        if content_type:
            lines.append(f"Content-Type: {content_type}")
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        kept = self.socket is not None
        try:
            return self._exchange(head, body)
        except (ConnectionError, EOFError):
            self.close()
            if not kept:
                raise
            return self._exchange(head, body)

    def _exchange(self, head, body):
        if self.socket is None:
            self.socket = socket.create_connection(self.address, timeout=600)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(body) > 65536:
            self.socket.sendall(head)
            self.socket.sendall(body)
        else:
            self.socket.sendall(head + body)
        return self._answer()

    def _fill(self):
        data = self.socket.recv(262144)
        if not data:
            raise EOFError
        self.buffer += data

    def _line_end(self, mark):
        while (at := self.buffer.find(mark)) < 0:
            self._fill()
        head, self.buffer = self.buffer[:at], self.buffer[at + len(mark):]
        return head

    def _exactly(self, count):
        while len(self.buffer) < count:
            self._fill()
        body, self.buffer = self.buffer[:count], self.buffer[count:]
        return body

    def _answer(self):
        first, *rest = self._line_end(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(first.split()[1])
        headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in rest)]
        known = dict(headers)
        if known.get("transfer-encoding") == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self._exactly(int(known.get("content-length", 0)))
        if known.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, body)

    def _chunks(self):
        while size := int(self._line_end(b"\r\n").split(b";")[0], 16):
            yield self._exactly(size)
            self._exactly(2)
        self._exactly(2)

    # The API

    def get(self, path, expected=(200,)):
        return self._expect(self.request("GET", path), path, expected).json()

    def post(self, path, value, expected=(200, 201, 202)):
        body = json.dumps(value).encode()
        return self._expect(self.request("POST", path, body, "application/json"), path, expected).json()

    def send(self, method, path, fields, file, headers=None, expected=(200, 201, 202)):
        """A multipart form with text `fields` and one file, `(field, bytes)`."""
        body, content_type = multipart(fields, *file)
        return self._expect(self.request(method, path, body, content_type, headers), path, expected).json()

    def _expect(self, answer, path, expected):
        if answer.status not in expected:
            raise HttpError(f"{path}: {answer.status} {answer.body[:300]!r}")
        return answer


def multipart(fields, name, data, filename="f"):
    boundary = "pith-bench-boundary-" + os.urandom(8).hex()
    text = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    )
    head = f'{text}--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
    return b"".join((head.encode(), data, f"\r\n--{boundary}--\r\n".encode())), f"multipart/form-data; boundary={boundary}"


def basic(url, user, password):
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Client(url, {"Authorization": f"Basic {credentials}"})


def session(url, user, password):
    """A client that has logged in: it sends the cookie of its session, no password."""
    client = basic(url, user, password)
    answer = client.request("POST", API + "login/")
    cookies = [value.split(";")[0] for name, value in answer.headers if name == "set-cookie"]
    if answer.status >= 300 or not cookies:
        raise HttpError(f"login: {answer.status} {answer.body[:300]!r}")
    token = next((cookie.partition("=")[2] for cookie in cookies if cookie.startswith("csrftoken=")), "")
    return Client(url, {"Cookie": "; ".join(cookies), "X-CSRFToken": token, "Referer": url})
