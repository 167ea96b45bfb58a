"""A program as a function under a name of its own, traced once and then read from the cache.

Tracing a program of ten layers takes a second, and reading it back a hundredth of that. What is kept is the graph, as
TensorFlow's own function definitions; what XLA makes of it is in XLA's cache, and is found by the function's name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import tensorflow as tf
from filelock import FileLock
from google.protobuf.message import DecodeError
from tensorflow.core.framework import function_pb2
from tensorflow.python.eager import context, execute

from tuner.trainers.stacked.program import Program, at_rest

Library: TypeAlias = Any

# Seconds to wait for another worker that compiles the same program, before it is compiled here too.
_PATIENCE = 120.0


class Compiled:
    """Calls `Program.epoch`, compiled. The first call finds the graph or traces it, and XLA's program likewise.

    That is done by an epoch without a step, so that who waits for the same program does not wait for an epoch too.
    """

    def __init__(self, program: Program, folder: Path) -> None:
        self._program = program
        self._name = f"epoch_{program.digest}"
        self._file = folder / f"{self._name}.graph"
        self._outputs: int | None = None
        self.compiled = True  # until the first call shows that it is not

    def __call__(self, *arguments: Any) -> Any:
        if self._outputs is None:
            with _alone(self._file):
                outputs = self._first(at_rest(arguments))
            self._outputs = outputs
        return self._run(self._outputs, arguments)

    def _first(self, arguments: tuple[Any, ...]) -> int:
        """Has the program compiled, and returns how many outputs it has.

        Where what was kept cannot be used, the program is made again under another name. Where XLA cannot keep what it
        makes, as on a disk that has filled up since, it makes nothing: the program then runs as TensorFlow's own graph,
        slower, and the same up to rounding.
        """
        try:
            outputs = self._define(arguments)
            self._run(outputs, arguments)
            return outputs
        except tf.errors.OpError:
            with suppress(OSError):
                self._file.unlink()
            self._name += "_again"
            outputs = self._define(arguments)
        try:
            self._run(outputs, arguments)
        except (tf.errors.FailedPreconditionError, tf.errors.OutOfRangeError, tf.errors.ResourceExhaustedError):
            self._name += "_plainly"
            self.compiled = False
            outputs = self._add(self._traced(arguments, jit=False))
            self._run(outputs, arguments)
        return outputs

    def _run(self, outputs: int, arguments: tuple[Any, ...]) -> Any:
        found = execute.execute(self._name.encode(), outputs, tf.nest.flatten(arguments), (), context.context())
        # The state comes back in the form in which it went in, every dictionary by its sorted keys, and then the rest.
        left = iter(found)
        weights, slots, moving = arguments[:3]
        return (
            {name: next(left) for name in sorted(weights)},
            {slot: {name: next(left) for name in sorted(slots[slot])} for slot in sorted(slots)},
            {name: next(left) for name in sorted(moving)},
            *left,
        )

    def _define(self, arguments: tuple[Any, ...]) -> int:
        library = self._kept()
        if library is None:
            library = self._traced(arguments)
            with suppress(OSError):  # a cache that cannot be written to is no reason not to train
                unfinished = self._file.with_name(f".{self._file.name}.{os.getpid()}")
                unfinished.write_bytes(library.SerializeToString(deterministic=True))
                unfinished.replace(self._file)
        return self._add(library)

    def _add(self, library: Library) -> int:
        """Makes the functions known, and returns the number of outputs."""
        # The first is the epoch itself, which calls the others.
        for function in reversed(library.function):
            context.context().add_function_def(function)
        return len(library.function[0].signature.output_arg)

    def _kept(self) -> Library | None:
        library = function_pb2.FunctionDefLibrary()
        try:
            library.ParseFromString(self._file.read_bytes())
        except (OSError, DecodeError):
            return None
        return library if library.function else None

    def _traced(self, arguments: tuple[Any, ...], jit: bool = True) -> Library:
        program = replace(self._program, compiled=jit)
        function = tf.function(program.epoch, jit_compile=jit or None, autograph=False)
        specs = tf.nest.map_structure(lambda each: tf.TensorSpec(each.shape, each.dtype), arguments)
        concrete = function.get_concrete_function(*specs)
        # Their own numbers say how many functions were traced before, and so does their order.
        inner = sorted(concrete.graph.as_graph_def().library.function, key=lambda each: _kind(each.signature.name))
        return _renamed([concrete.function_def, *inner], self._name)


@contextmanager
def _alone(graph: Path) -> Iterator[None]:
    """Holds other workers that want the same program until it is compiled: what two compile at once is done twice."""
    done = graph.with_suffix(".done")
    lock = FileLock(graph.with_suffix(".lock"))
    held = False
    with suppress(OSError):  # where no lock can be had, each compiles its own
        if not done.exists():
            lock.acquire(timeout=_PATIENCE)
            held = True
    try:
        yield
        with suppress(OSError):
            done.touch()
    finally:
        if held:
            lock.release()


def _kind(name: str) -> str:
    return re.sub(r"\d+", "", name)


def _renamed(functions: list[Any], name: str) -> Library:
    """The functions under names that depend on the program alone."""
    names = {each.signature.name: f"{name}_{i}" if i else name for i, each in enumerate(functions)}
    library = function_pb2.FunctionDefLibrary()
    for each in functions:
        copy = library.function.add()
        copy.CopyFrom(each)
        copy.signature.name = names[each.signature.name]
        for argument in copy.signature.input_arg:  # of a loop's condition, after the function, and read by nobody
            argument.name = argument.name.replace(each.signature.name, copy.signature.name)
        for node in copy.node_def:
            for attribute in node.attr.values():
                called = [attribute.func] if attribute.HasField("func") else list(attribute.list.func)
                for function in called:
                    function.name = names.get(function.name, function.name)
    return library
