# SPDX-License-Identifier: MIT
"""EventLoop: the core's loop as an asyncio event loop.

What is fast is in C (LoopBase): callbacks, timers, tasks, running, and the transports of stream sockets. What asyncio
has already and where no speed is lost is inherited from its selector loop: datagrams, pipes, subprocesses, TLS,
signals, `sock_*`. The inherited code reaches the kernel only through `_add_reader` and its kin, which are watches of
the core here.
"""

from __future__ import annotations

import asyncio
import asyncio.events
import asyncio.sslproto
import asyncio.trsock
import contextvars
import os
import selectors
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from ._ropewalk import FdWatch, Handle, LoopBase, SocketTransport

__all__ = ["EventLoop", "new_event_loop"]

_loops: weakref.WeakSet[EventLoop] = weakref.WeakSet()


class _NoSelector(selectors.BaseSelector):
    """Stands where asyncio keeps its selector; nothing is ever registered with it."""

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        raise NotImplementedError("descriptors are watched by the core")

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        raise NotImplementedError("descriptors are watched by the core")

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {}


def _run_handle(handle: asyncio.Handle) -> None:
    if not handle.cancelled():
        handle._run()


def _name_of(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except OSError:
        return None


_Base = asyncio.SelectorEventLoop


class EventLoop(LoopBase, _Base):  # type: ignore[misc]  # LoopBase's methods replace those of asyncio
    """An asyncio event loop on Ropewalk's core.

    Args:
        simulation: options of a simulated world (see `ropewalk.testing`); None for the real one.
        options: of the loop itself, those that `ropewalk.options()` lists.

    Raises:
        TypeError: there is no such option, or its value is no number.
        ValueError: the number is out of the option's bounds.
    """

    _closed = True  # until it is open

    def __init__(self, simulation: dict[str, Any] | None = None, **options: int | None) -> None:
        self._watches: dict[int, FdWatch] = {}
        self._open(simulation, options)
        self._simulated = simulation is not None
        _Base.__init__(self, _NoSelector())
        self._set_debug(self.get_debug())
        _loops.add(self)

    # -- descriptors ---------------------------------------------------------------------------------------------------

    def _make_self_pipe(self) -> None:
        if self._simulated:
            self._ssock = self._csock = None
        else:
            super()._make_self_pipe()  # type: ignore[misc]

    def _close_self_pipe(self) -> None:
        if not self._simulated:
            super()._close_self_pipe()  # type: ignore[misc]

    def _write_to_self(self) -> None:
        if not self._simulated:
            super()._write_to_self()  # type: ignore[misc]

    def _watch_of(self, fd: Any) -> tuple[int, FdWatch | None]:
        number = fd if isinstance(fd, int) else fd.fileno()
        return number, self._watches.get(number)

    def _apply(self, fd: int, watch: FdWatch, reader: Handle | None, writer: Handle | None) -> None:
        if reader is None and writer is None:
            del self._watches[fd]
            watch.close()
        else:
            watch.set(reader, writer)

    def _handle_in(
        self, context: contextvars.Context | None, callback: Callable[..., Any], args: tuple[Any, ...]
    ) -> Handle:
        """A handle for a descriptor; transports of Python 3.15 and later bring the context to run it in."""
        if context is None:
            return self._make_handle(callback, *args)
        return self._make_handle(context.run, callback, *args)

    def _add_reader(
        self, fd: Any, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        self._check_closed()  # type: ignore[attr-defined]
        handle = self._handle_in(context, callback, args)
        number, watch = self._watch_of(fd)
        if watch is None:
            watch = self._watches[number] = self._watch(number)
        old = watch.reader
        watch.set(handle, watch.writer)
        if old is not None:
            old.cancel()
        return handle

    def _remove_reader(self, fd: Any) -> bool:
        if self.is_closed():
            return False
        number, watch = self._watch_of(fd)
        if watch is None or watch.reader is None:
            return False
        watch.reader.cancel()
        self._apply(number, watch, None, watch.writer)
        return True

    def _add_writer(
        self, fd: Any, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        self._check_closed()  # type: ignore[attr-defined]
        handle = self._handle_in(context, callback, args)
        number, watch = self._watch_of(fd)
        if watch is None:
            watch = self._watches[number] = self._watch(number)
        old = watch.writer
        watch.set(watch.reader, handle)
        if old is not None:
            old.cancel()
        return handle

    def _remove_writer(self, fd: Any) -> bool:
        if self.is_closed():
            return False
        number, watch = self._watch_of(fd)
        if watch is None or watch.writer is None:
            return False
        watch.writer.cancel()
        self._apply(number, watch, watch.reader, None)
        return True

    def _add_callback(self, handle: asyncio.Handle) -> None:
        if not handle.cancelled():
            self.call_soon(_run_handle, handle)

    def _add_callback_signalsafe(self, handle: asyncio.Handle) -> None:
        self._add_callback(handle)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    # -- transports ----------------------------------------------------------------------------------------------------

    def _transport_of(self, sock: Any, protocol: Any, waiter: Any, extra: Any, server: Any) -> SocketTransport:
        """A transport in C for a connected socket. What can be asked of it is asked of the socket while it lives."""
        self._ensure_fd_no_transport(sock)  # type: ignore[attr-defined]
        info = dict(extra or ())
        info["socket"] = asyncio.trsock.TransportSocket(sock)
        info["sockname"] = _name_of(sock.getsockname)
        if "peername" not in info:
            info["peername"] = _name_of(sock.getpeername)
        transport = self._transport(sock, protocol, waiter, info, server)
        self._transports[sock.fileno()] = transport  # type: ignore[attr-defined]
        return transport

    def _make_socket_transport(
        self, sock: Any, protocol: Any, waiter: Any = None, *, extra: Any = None, server: Any = None, **_: Any
    ) -> asyncio.Transport:
        if not isinstance(sock.fileno(), int):  # something that behaves like a socket, by its methods only
            return super()._make_socket_transport(sock, protocol, waiter, extra=extra, server=server)  # type: ignore[misc,no-any-return]
        return self._transport_of(sock, protocol, waiter, extra, server)

    def _make_ssl_transport(
        self,
        rawsock: Any,
        protocol: Any,
        sslcontext: Any,
        waiter: Any = None,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        extra: Any = None,
        server: Any = None,
        ssl_handshake_timeout: Any = None,
        ssl_shutdown_timeout: Any = None,
        **_: Any,
    ) -> asyncio.Transport:
        """asyncio's TLS, above a transport of ours."""
        tls = asyncio.sslproto.SSLProtocol(
            self,
            protocol,
            sslcontext,
            waiter,
            server_side,
            server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        self._transport_of(rawsock, tls, None, extra, server)
        return tls._app_transport

    # -- running -------------------------------------------------------------------------------------------------------

    def run_forever(self) -> None:
        """Run until stop() is called."""
        self._check_closed()  # type: ignore[attr-defined]
        self._check_running()  # type: ignore[attr-defined]
        self._set_coroutine_origin_tracking(self._debug)  # type: ignore[attr-defined]
        hooks = sys.get_asyncgen_hooks()
        wakeup = self._begin_signals()
        self._thread_id = threading.get_ident()
        try:
            sys.set_asyncgen_hooks(
                firstiter=self._asyncgen_firstiter_hook,  # type: ignore[attr-defined]
                finalizer=self._asyncgen_finalizer_hook,  # type: ignore[attr-defined]
            )
            asyncio.events._set_running_loop(self)
            self._run()
        finally:
            self._thread_id = None  # type: ignore[assignment]
            asyncio.events._set_running_loop(None)
            self._set_coroutine_origin_tracking(False)  # type: ignore[attr-defined]
            sys.set_asyncgen_hooks(*hooks)
            self._end_signals(wakeup)

    def _begin_signals(self) -> int | None:
        """A signal must end the wait in the kernel, so that Python's handler can run."""
        if self._simulated or threading.current_thread() is not threading.main_thread():
            return None
        try:
            return signal.set_wakeup_fd(self._csock.fileno())  # type: ignore[attr-defined]
        except ValueError:
            return None

    def _end_signals(self, wakeup: int | None) -> None:
        if wakeup is None:
            return
        if self._signal_handlers and wakeup == -1:  # type: ignore[attr-defined]
            return
        try:
            signal.set_wakeup_fd(wakeup)
        except (ValueError, OSError):
            signal.set_wakeup_fd(-1)

    def remove_signal_handler(self, sig: int) -> bool:
        """Remove what add_signal_handler() set; False when there was none."""
        removed = super().remove_signal_handler(sig)
        if self._thread_id is not None and not self._simulated:
            self._begin_signals()
        return removed

    def set_debug(self, enabled: bool) -> None:
        """Switch asyncio's debug mode."""
        super().set_debug(enabled)
        self._set_debug(enabled)

    def close(self) -> None:
        """Close the loop; it must not be running. Tasks that are left are dropped."""
        if self.is_running():
            raise RuntimeError("Cannot close a running event loop")
        if self.is_closed():
            return
        super().close()
        for watch in self._watches.values():
            watch.close()
        self._watches.clear()
        self._close()


def new_event_loop(**options: int | None) -> EventLoop:
    """A new event loop, for `asyncio.Runner(loop_factory=...)` and the like; `ropewalk.options()` lists its options."""
    return EventLoop(None, **options)


def _after_fork() -> None:
    for loop in list(_loops):
        loop._after_fork()


os.register_at_fork(after_in_child=_after_fork)
