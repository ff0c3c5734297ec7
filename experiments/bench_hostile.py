"""What the server makes of requests that nobody means well with.

Run as ``python experiments/bench_hostile.py INDEX [requests]`` with a folder that ``xret build`` wrote.

10,000 malformed requests of ``tests/serve/hostile.py`` from eight clients at once, then as many as schemathesis thinks
of from the OpenAPI where it is installed (``pip install schemathesis``; it is no dependency), an upload of 1 GB, and
100 clients that never finish their headers. Afterwards: no answer of 500 or the like but 503, no file beside the one
of feedback, the memory before and after, and the same answer to the same question. Exits with 1 where that is not so.
"""

import importlib.util
import json
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil

TOP = Path(__file__).parents[1]
CLIENTS, SLOW, GROWTH = 8, 100, 1.3


def load() -> Any:  # noqa: ANN401 - a module of the tests
    """Return the module that makes the requests."""
    spec = importlib.util.spec_from_file_location("hostile", TOP / "tests/serve/hostile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ask(port: int) -> list[str]:
    """Return the ids that answer one question."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    body = json.dumps({"query": "a red apple"})
    connection.request("POST", "/api/search", body, {"Content-Type": "application/json"})
    return [result["id"] for result in json.loads(connection.getresponse().read())["results"]]


def upload(port: int, megabytes: int) -> int:
    """Send a picture that does not end; return the megabytes that were taken."""
    head = b"POST /api/search/image HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    head += b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    part = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head + b"%x\r\n" % len(part) + part + b"\r\n")
        for sent in range(megabytes):
            try:
                connection.sendall(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
            except OSError:
                return sent
    return megabytes


def slow(port: int, clients: int) -> int:
    """Open connections that never finish; return how many were closed within 10 seconds."""
    opened = [socket.create_connection(("127.0.0.1", port)) for _ in range(clients)]
    for connection in opened:
        connection.sendall(b"POST /api/search HTTP/1.1\r\nHost: loc")
        connection.settimeout(10)
    closed = 0
    for connection in opened:
        try:
            closed += not connection.recv(1)
        except ConnectionError:
            closed += 1
        except TimeoutError:
            pass
        connection.close()
    return closed


def from_contract(port: int) -> bool | None:
    """Let schemathesis try the OpenAPI; return whether it found no fault, None where it is not installed."""
    if importlib.util.find_spec("schemathesis") is None:
        return None
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{port}/openapi.json"]
    command += ["--checks", "not_a_server_error", "--max-examples", "300", "--phases", "examples,coverage,fuzzing"]
    done = subprocess.run(command, capture_output=True, text=True)
    print("\n".join(done.stdout.splitlines()[-12:]))
    return done.returncode == 0


def main(index: Path, count: int) -> int:
    """Print what came of it; return 1 where something is not as it should be."""
    hostile = load()
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "xret",
            "serve",
            f"index={index.resolve()}",
            "port=0",
            "rate_per_s=0",
            "read_s=3",
        ]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        port = int(next(line for line in process.stdout if line.startswith("page: ")).split(":")[3].partition("/")[0])
        server = psutil.Process(process.pid)
        expected, before, began = ask(port), server.memory_info().rss, time.monotonic()
        seen: dict[int, int] = {}
        with ThreadPoolExecutor(CLIENTS) as pool:
            found = list(pool.map(lambda seed: hostile.statuses(port, count // CLIENTS, seed), range(CLIENTS)))
        for statuses, _ in found:
            for code, times in statuses.items():
                seen[code] = seen.get(code, 0) + times
        bad = [sent for _, sents in found for sent in sents]
        print(f"{sum(seen.values()):,} requests in {time.monotonic() - began:.0f} s: {dict(sorted(seen.items()))}")
        for sent in bad[:5]:
            print("  fault:", sent[:300])
        contract = from_contract(port)
        print(f"schemathesis: { {None: 'not installed', True: 'no fault', False: 'faults'}[contract] }")
        taken, closed = upload(port, 1000), slow(port, SLOW)
        print(f"upload of 1,000 MB: cut off after {taken} MB; {closed} of {SLOW} slow clients dropped")
        growth = server.memory_info().rss / before
        alive = ask(port) == expected
        files = sorted(path.name for path in Path(folder).iterdir())
        print(f"memory {before / 1e6:.0f} -> {before * growth / 1e6:.0f} MB; alive: {alive}; files: {files}")
        process.terminate()
        code = process.wait(60)
    held = [not bad, contract is not False, taken < 100, closed == SLOW, growth < GROWTH, alive, code == 0]
    held.append(files in ([], ["feedback.jsonl"]))
    print("bars held" if all(held) else f"bars missed: {[i for i, one in enumerate(held) if not one]}")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int((sys.argv[2:] or ["10000"])[0])))
