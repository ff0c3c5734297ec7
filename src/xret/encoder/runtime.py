"""Frozen networks in other runtimes than torch: exported once to ONNX, run by ONNX Runtime or OpenVINO on the CPU."""

import hashlib
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xret._errors import UserError

log = logging.getLogger(__name__)

RUNTIMES = ("torch", "onnx", "openvino")
MIN_COSINE = 0.9999

_OPSET = 17
_MODULES = {"onnx": "onnxruntime", "openvino": "openvino"}

Run = Callable[[np.ndarray], list[np.ndarray]]


def check_runtime(runtime: str) -> str:
    """Return the name of a runtime that is installed.

    Raises:
        ValueError: it is not one of `RUNTIMES`.
        UserError: it is not installed.
    """
    if runtime not in RUNTIMES:
        raise ValueError(f"runtime must be {', '.join(RUNTIMES[:-1])} or {RUNTIMES[-1]}, got {runtime!r}")
    for name in (_MODULES[runtime], "onnx") if runtime in _MODULES else ():
        try:
            import_module(name)
        except ImportError:
            raise UserError(f"runtime={runtime} needs {name}: pip install 'xret[runtime]'") from None
    return runtime


class Exported:
    """A network that another runtime runs; the graph is made and checked when it is first called.

    The graph is kept in $XRET_CACHE (else ~/.cache/xret) under ``runtimes``, so that another process finds it. What
    comes out is compared with torch on two pictures of noise before it is trusted.

    Args:
        runtime: onnx or openvino.
        network: pixels (B, 3, H, W) -> tensors (B, ...), the first of which is the vector (B, D). It is frozen.
        key: equal where networks are equal.
    """

    def __init__(self, runtime: str, network: nn.Module, key: str) -> None:
        self.runtime, self.network, self.key = runtime, network, key
        self._run: dict[torch.dtype, Run] = {}

    def __call__(self, pixels: Tensor) -> list[Tensor]:
        """Return what the network gives for B pictures, on the device of the pixels.

        Args:
            pixels: (B, 3, H, W), uint8 or float in [0, 1].

        Raises:
            UserError: the network cannot be exported, or does something else in this runtime than in torch.
        """
        if pixels.dtype not in self._run:
            self._run[pixels.dtype] = self._open(pixels)
        found = self._run[pixels.dtype](np.ascontiguousarray(pixels.detach().cpu().numpy()))
        return [torch.from_numpy(array).to(pixels.device) for array in found]

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to open the graph anew."""
        return self.__dict__ | {"_run": {}}

    @torch.inference_mode(False)  # in which nothing can be traced
    @torch.no_grad()
    def _open(self, pixels: Tensor) -> Run:
        """Return what runs the graph for pixels of one type and size."""
        generator = torch.Generator().manual_seed(0)
        noise = torch.randint(0, 256, (2, *pixels.shape[1:]), generator=generator, dtype=torch.uint8)
        noise = noise if pixels.dtype == torch.uint8 else (noise / 255).to(pixels.dtype)
        name = hashlib.sha256(f"{self.key} {tuple(pixels.shape[1:])} {pixels.dtype}".encode()).hexdigest()
        parameter = next(self.network.parameters(), None)
        device = torch.device("cpu") if parameter is None else parameter.device
        graph = _kept(name, lambda: _graph(self.network, noise.to(device)))
        run = _OPENERS[self.runtime](graph)
        right = self.network(noise.to(device))[0].cpu()
        cosine = float(F.cosine_similarity(torch.from_numpy(run(noise.numpy())[0]), right).min())
        if not cosine >= MIN_COSINE:
            raise UserError(
                f"in the runtime {self.runtime} vectors must have a cosine of {MIN_COSINE} with those of torch, "
                f"got {cosine:.6f}; take runtime=torch"
            )
        return run


def _graph(network: nn.Module, pixels: Tensor) -> bytes:
    """Return a network as ONNX, for any number of pictures.

    Raises:
        UserError: it holds an operation that ONNX does not know.
    """
    file: Any = io.BytesIO()  # the types of torch know paths alone
    names = [f"output{i}" for i in range(len(network(pixels)))]
    batches = {name: {0: "batch"} for name in ("pixels", *names)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own: it traces, which is what is wanted of hooks
            torch.onnx.export(
                network,
                (pixels,),
                file,
                dynamo=False,
                input_names=["pixels"],
                output_names=names,
                dynamic_axes=batches,
                opset_version=_OPSET,
            )
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        raise UserError(f"the network cannot be exported to ONNX: {error}; take runtime=torch") from error
    graph: bytes = file.getvalue()
    return graph


def _kept(name: str, make: Callable[[], bytes]) -> bytes:
    """Return a graph from the cache, or make it and keep it there, if that can be written."""
    cache = Path(os.environ.get("XRET_CACHE") or Path.home() / ".cache" / "xret") / "runtimes"
    path = cache / f"{name}.onnx"
    with suppress(OSError):
        whole = path.read_bytes()
        content, digest = whole[:-32], whole[-32:]
        if hashlib.sha256(content).digest() == digest:
            return content
        log.warning("a graph in %s is damaged and made again", cache)
    content = make()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=cache, prefix=f".{name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content + hashlib.sha256(content).digest())
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        log.warning("a graph for another runtime is not kept: %s", error)
    return content


def _onnx(graph: bytes) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def run(pixels: np.ndarray) -> list[np.ndarray]:
        found: list[np.ndarray] = session.run(None, {"pixels": pixels})
        return found

    return run


def _openvino(graph: bytes) -> Run:
    import openvino

    core = openvino.Core()
    # where a processor has half precision, OpenVINO takes it unasked
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = core.compile_model(core.read_model(io.BytesIO(graph)), "CPU", settings)

    def run(pixels: np.ndarray) -> list[np.ndarray]:
        return [np.array(value) for value in compiled(pixels).values()]  # its own memory is written to again

    return run


_OPENERS: dict[str, Callable[[bytes], Run]] = {"onnx": _onnx, "openvino": _openvino}
