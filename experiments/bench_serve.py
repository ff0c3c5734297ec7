"""How fast the server answers over 100,000 items, and what it does at twice its capacity.

Run as ``python experiments/bench_serve.py VECTORS [index option]`` with a folder that ``xret embed`` wrote.

The gallery is the run's own items and, to fill it up, their vectors with noise, which are as crowded as real ones. The
server is the one of ``xret serve``, in a process of its own, with its defaults but for the bound on one client's rate.

- One client asks 300 different texts, one after the other: p50 and p95 of what the client waits, and of the share of
  the index.
- Another process then asks with 64 connections at once for ten seconds: the capacity.
- Then it asks at twice that rate for 60 seconds, whatever the answers are: p99 of those that were accepted, p99 of
  those that were refused, how many had another best item than the same text asked alone, and the memory before and
  after.

The times of a busy machine say little: the load average stands beside them. Exits with 1 when a bar is missed.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from xret.commands._assembly import build
from xret.commands._launch import shipped
from xret.run.index_folder import ITEMS, IndexFacts, IndexFolder
from xret.run.vectors import VectorFolder

ITEMS_IN_ALL, QUERIES, CONNECTIONS = 100_000, 300, 64
PAUSE_S = 0.1  # after a refusal, while the capacity is sought
FILL_S, OVERLOAD_S = 10, float(os.environ.get("XRET_OVERLOAD_S", 60))
BAR_P95_MS, BAR_INDEX_MS, BAR_P99_MS, BAR_GROWTH = 60, 10, 1000, 1.1
HEAD = "POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
WORDS = ("red", "small", "happy", "old", "flying", "sleeping", "green", "angry", "paper", "wooden")


def gallery(vectors: VectorFolder, folder: Path, option: str) -> list[str]:
    """Write an index of all items; return texts to ask."""
    facts = vectors.facts()
    own = np.concatenate(list(vectors.shards("image")))
    rng = np.random.default_rng(0)
    near = own[rng.integers(0, len(own), ITEMS_IN_ALL - len(own))]
    noisy = near + rng.standard_normal(near.shape, dtype=np.float32) * (0.7 / np.sqrt(near.shape[1]))
    whole = np.concatenate([own, noisy / np.linalg.norm(noisy, axis=1, keepdims=True)]).astype(np.float32)
    table = vectors.table("image")
    made = table.take(pa.array(rng.integers(0, len(own), len(noisy))))
    made = made.set_column(0, "id", pa.array([f"made-{i}" for i in range(len(noisy))]))
    with initialize_config_dir(str(shipped("conf")), version_base="1.3"):
        settings: Any = OmegaConf.to_container(compose("build", [f"index={option}", "vectors=x"]).index)

    def write(path: Path) -> IndexFacts:
        index = build(OmegaConf.create(settings), "index")
        index.build([whole])
        index.save(path)
        pq.write_table(pa.concat_tables([table, made]), path / ITEMS)
        return IndexFacts(facts.run, facts.weights, "image", facts.data, len(whole), facts.dim, settings, {})

    IndexFolder(folder).publish(write)
    texts = [text for text in table.column("text").to_pylist() if text]
    return [f"{WORDS[i % len(WORDS)]} {texts[i % len(texts)]}" for i in range(QUERIES)]


def serve(index: Path) -> tuple[subprocess.Popen[str], int]:
    """Start the server; return its process and port."""
    command = [sys.executable, "-m", "xret", "serve", f"index={index}", "port=0", "feedback=null", "rate_per_s=0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    line = next(line for line in process.stdout if line.startswith("page: "))
    return process, int(line.split(":")[3].partition("/")[0])


def alone(port: int, texts: list[str]) -> tuple[dict[str, str], np.ndarray, np.ndarray]:
    """Ask one text after the other; return the best item of each, and milliseconds (Q,) of all and of the index."""
    connection = HTTPConnection("127.0.0.1", port)
    best, whole, index = {}, [], []
    for text in [*texts[:20], *texts]:  # the first ones only warm up
        began = time.perf_counter()
        connection.request("POST", "/api/search", json.dumps({"query": text}), {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        whole.append(1000 * (time.perf_counter() - began))
        index.append(answer["ms"]["search"])
        best[text] = answer["results"][0]["id"]
    return best, np.array(whole[20:]), np.array(index[20:])


class Crowd:
    """Many connections to one server, each of which asks one thing at a time."""

    def __init__(self, port: int, best: dict[str, str]) -> None:
        self.port, self.best, self.texts = port, best, list(best)
        self.accepted: list[float] = []
        self.refused: list[float] = []
        self.counted: list[float] = []  # of the accepted ones, by the server
        self.wrong = self.broken = self.asked = 0
        self.free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self) -> None:
        """Ask one text over a free connection or a new one."""
        text = self.texts[self.asked % len(self.texts)]
        self.asked += 1
        began = time.perf_counter()
        while self.free and self.free[-1][0].at_eof():  # the server ends connections that are idle for long
            self.free.pop()[1].close()
        try:
            reader, writer = self.free.pop() if self.free else await asyncio.open_connection("127.0.0.1", self.port)
            body = json.dumps({"query": text}).encode()
            writer.write(f"{HEAD}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            top = await reader.readuntil(b"\r\n\r\n")
            lines = top.decode("latin-1").lower().split("\r\n")
            length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length"))
            content = await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            self.broken += 1
            return
        took = 1000 * (time.perf_counter() - began)
        if "connection: close" in lines:
            writer.close()
        else:
            self.free.append((reader, writer))
        if lines[0].split()[1] == "503":
            self.refused.append(took)
        elif lines[0].split()[1] == "200":
            self.accepted.append(took)
            answer = json.loads(content)
            self.counted.append(answer["ms"]["total"])
            self.wrong += answer["results"][0]["id"] != self.best[text]
        else:
            self.broken += 1

    async def fill(self, seconds: float) -> float:
        """Ask with all connections at once, with a pause after a refusal; return answers in a second."""
        until = time.perf_counter() + seconds

        async def one() -> None:
            while time.perf_counter() < until:
                refused = len(self.refused)
                await self.ask()
                if len(self.refused) > refused:
                    await asyncio.sleep(PAUSE_S)

        await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
        return len(self.accepted) / seconds

    async def overload(self, rate: float, seconds: float) -> None:
        """Ask at a rate, whatever the answers are."""
        began, tasks, sent = time.perf_counter(), set(), 0
        while (now := time.perf_counter() - began) < seconds:
            while sent < now * rate:
                task = asyncio.create_task(self.ask())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                sent += 1
            await asyncio.sleep(0.005)
        await asyncio.gather(*tasks)


def crowd(port: int, best: dict[str, str], rate: float | None) -> dict[str, Any]:
    """Return what a crowd saw: at a rate, or (None) with as many at once as there are connections."""
    people = Crowd(port, best)
    capacity = asyncio.run(people.fill(FILL_S)) if rate is None else asyncio.run(people.overload(rate, OVERLOAD_S))
    times = {"accepted": people.accepted, "refused": people.refused, "counted": people.counted}
    seen = {name: np.percentile(ms, 99) if ms else 0.0 for name, ms in times.items()}
    counts = {
        "n": len(people.accepted),
        "n_refused": len(people.refused),
        "wrong": people.wrong,
        "broken": people.broken,
    }
    return {"capacity": capacity, **{name: float(value) for name, value in seen.items()}, **counts}


def elsewhere(port: int, best: dict[str, str], rate: float | None) -> dict[str, Any]:
    """Do `crowd` in a second process."""
    command = [sys.executable, __file__, "--crowd", str(port), json.dumps(rate)]
    done = subprocess.run(command, input=json.dumps(best), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(vectors: Path, option: str) -> int:
    """Print the figures; return 1 when a bar is missed."""
    with tempfile.TemporaryDirectory() as folder:
        texts = gallery(VectorFolder.open(vectors), Path(folder, "index"), option)
        process, port = serve(Path(folder, "index"))
        try:
            return measure(process.pid, port, texts, option)
        finally:
            process.terminate()
            print(f"exit code after SIGTERM: {process.wait(60)}")


def measure(pid: int, port: int, texts: list[str], option: str) -> int:
    """Ask alone, fill, overload; print, and return 1 when a bar is missed."""
    server = psutil.Process(pid)
    spent = server.cpu_times()
    best, whole, index = alone(port, texts)
    cpu = 1000 * (sum(server.cpu_times()[:2]) - sum(spent[:2])) / (QUERIES + 20)
    p95, share = np.percentile(whole, 95), np.percentile(index, 95)
    print(f"index={option}, {ITEMS_IN_ALL:,} items, load average {os.getloadavg()[0]:.1f}")
    print(f"one client: p50 {np.median(whole):.1f} ms, p95 {p95:.1f} ms; {cpu:.1f} ms of processor time each")
    print(f"share of the index: p50 {np.median(index):.1f} ms, p95 {share:.1f} ms")
    full = elsewhere(port, best, None)
    print(f"capacity: {full['capacity']:.0f} answers/s with {CONNECTIONS} connections, p99 {full['accepted']:.0f} ms")
    before = server.memory_info().rss
    over = elsewhere(port, best, 2 * full["capacity"])
    growth = server.memory_info().rss / before
    print(f"twice that for {OVERLOAD_S:.0f} s: load average {os.getloadavg()[0]:.1f}")
    print(f"  {over['n']:,} accepted, p99 {over['accepted']:.0f} ms, {over['counted']:.0f} ms of it within the server")
    print(f"  {over['wrong']} wrong, {over['broken']} broken")
    print(f"  {over['n_refused']:,} refused, p99 {over['refused']:.0f} ms")
    print(f"  memory {before / 1e6:.0f} -> {before * growth / 1e6:.0f} MB")
    held = [p95 <= BAR_P95_MS, share <= BAR_INDEX_MS, over["accepted"] <= BAR_P99_MS, growth <= BAR_GROWTH]
    held += [over["wrong"] == 0, over["broken"] == 0, over["n_refused"] > 0, over["n"] > 0]
    print("bars held" if all(held) else f"bars missed: {[i for i, h in enumerate(held) if not h]}")
    return 0 if all(held) else 1


if __name__ == "__main__":
    if sys.argv[1] == "--crowd":
        print(json.dumps(crowd(int(sys.argv[2]), json.load(sys.stdin), json.loads(sys.argv[3]))))
    else:
        sys.exit(main(Path(sys.argv[1]), (sys.argv[2:] or ["flat"])[0]))
