"""A client of the language server over standard input and output, as small as the tests need it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import ROOT, cli_environment

DEADLINE = 120
SNIPPETS = {"textDocument": {"completion": {"completionItem": {"snippetSupport": True}}}}


class Refused(Exception):
    """The server answered with an error."""


class Client:
    """One server in a process of its own. Texts are marked: `@` is where the cursor stands, and is taken out."""

    def __init__(self, folder: Path, capabilities: dict[str, Any] | None = None):
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vnasdsl", "lsp"],
            cwd=ROOT,
            env=cli_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        # A server that says nothing more ends, so that no test waits for ever.
        self.watchdog = threading.Timer(DEADLINE, self.process.kill)
        self.watchdog.daemon = True
        self.watchdog.start()
        self.number = 0
        self.versions: dict[str, int] = {}
        self.published: dict[str, dict[str, Any]] = {}
        self.capabilities = self.request(
            "initialize", processId=None, rootUri=folder.as_uri(), capabilities=capabilities or {}
        )["capabilities"]
        self.notify("initialized")

    # ------------------------------------------------------------------ transport

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while True:
            line = self.process.stdout.readline()
            assert line, "the server has gone"
            if line == b"\r\n":
                break
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self.published[message["params"]["uri"]] = message["params"]
        elif "method" in message and "id" in message:  # a request of the server, such as a refresh of hints
            self.send({"id": message["id"], "result": None})
        return message

    def request(self, method: str, **params: Any) -> Any:
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("id") == self.number and "method" not in message:
                if "error" in message:
                    raise Refused(message["error"]["message"])
                return message["result"]

    def notify(self, method: str, **params: Any) -> None:
        self.send({"method": method, "params": params})

    # ------------------------------------------------------------------ documents

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str) -> None:
        self.versions[name] = 1
        document = {"uri": self.uri(name), "languageId": "vns", "version": 1, "text": text}
        self.notify("textDocument/didOpen", textDocument=document)

    def change(self, name: str, text: str) -> None:
        self.versions[name] += 1
        document = {"uri": self.uri(name), "version": self.versions[name]}
        self.notify("textDocument/didChange", textDocument=document, contentChanges=[{"text": text}])

    def put(self, name: str, marked: str) -> dict[str, Any]:
        """Open or change a document; where its `@` is, as the parameters of a request. Columns are UTF-16."""
        before, _, after = marked.partition("@")
        (self.change if name in self.versions else self.open)(name, before + after)
        line = before.rpartition("\n")[2]
        position = {"line": before.count("\n"), "character": len(line.encode("utf-16-le")) // 2}
        return {"textDocument": {"uri": self.uri(name)}, "position": position}

    def diagnostics(self, name: str, until: Callable[[list[dict[str, Any]]], bool] = lambda _: True) -> list[Any]:
        """The faults published for the present version of a document (or later ones, until they are as asked)."""
        while True:
            known = self.published.get(self.uri(name))
            if known and known.get("version") == self.versions[name] and until(known["diagnostics"]):
                found: list[Any] = known["diagnostics"]
                return found
            self.receive()

    def labels(self, name: str, marked: str) -> list[str]:
        """What completion offers at the mark."""
        found = self.request("textDocument/completion", **self.put(name, marked))
        return [item["label"] for item in found["items"]]

    def move(self, folder: Path) -> None:
        """Close every document and go on in another folder: a server takes long to start."""
        for name in self.versions:
            self.notify("textDocument/didClose", textDocument={"uri": self.uri(name)})
        self.versions.clear()
        self.folder = folder

    def close(self) -> None:
        if self.process.poll() is None:
            self.request("shutdown")
            self.notify("exit")
            assert self.process.wait(timeout=DEADLINE) == 0
        self.watchdog.cancel()


def apply(text: str, edits: list[dict[str, Any]]) -> str:
    """A text with edits of the protocol made."""
    lines = text.split("\n")

    def place(position: dict[str, int]) -> int:
        start = sum(len(line) + 1 for line in lines[: position["line"]])
        line = lines[position["line"]] if position["line"] < len(lines) else ""
        return start + len(line.encode("utf-16-le")[: 2 * position["character"]].decode("utf-16-le"))

    for edit in sorted(edits, key=lambda e: place(e["range"]["start"]), reverse=True):
        start, end = place(edit["range"]["start"]), place(edit["range"]["end"])
        text = text[:start] + edit["newText"] + text[end:]
    return text
