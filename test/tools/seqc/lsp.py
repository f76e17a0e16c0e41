"""Talks to a language server: initialize, open a faulty document, shut down."""

import json
import subprocess
import sys

TEXT = """func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
  %y = seqc.recurrence seq(%x : (b)) {
  ^step(%xt: f32):
    seqc.yield out(%xt)
  }
  return %y : tensor<?xf32>
}
"""

server = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def send(message):
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    server.stdin.flush()


def receive():
    length = 0
    while line := server.stdout.readline().strip():
        name, value = line.split(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return json.loads(server.stdout.read(length))


send({"id": 1, "method": "initialize", "params": {"processId": None, "rootUri": None, "capabilities": {}}})
print("initialize:", receive()["result"]["serverInfo"]["name"].upper())
send({"method": "initialized", "params": {}})
send({"method": "textDocument/didOpen",
      "params": {"textDocument": {"uri": "test:///f.mlir", "languageId": "mlir", "version": 1, "text": TEXT}}})
message = receive()
print("diagnostic:", message["params"]["diagnostics"][0]["message"])
send({"id": 2, "method": "shutdown"})
receive()
send({"method": "exit"})
server.wait(timeout=20)
