"""Frames of the boot protocol (crates/boot) over the inherited socket."""

import atexit
import os
import struct
import threading

import _socket  # All that is used here of `socket`, at a tenth of its start-up time.

_HEADER = struct.Struct("<IBI")
_BUFFER_BYTES = 64 * 1024


class Kind:
    START, INVOKE, CANCEL, SHUTDOWN = 0x01, 0x02, 0x03, 0x04
    HELLO, READY, INIT_FAILED, RESPONSE, FAILURE = 0x41, 0x42, 0x43, 0x44, 0x45
    STREAM_HEAD, STREAM_CHUNK, STREAM_END, LOG = 0x46, 0x47, 0x48, 0x49


class Wire:
    """The socket. Any thread may send; one receives. Ends the process when the server is gone."""

    def __init__(self, descriptor):
        os.set_inheritable(descriptor, False)
        self._socket = _socket.socket(fileno=descriptor)
        self._socket.setblocking(True)
        self._sending = threading.Lock()
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._start = self._end = 0
        os.register_at_fork(after_in_child=self._close)
        # An open raw socket crashes Python 3.9 while it takes itself apart.
        atexit.register(self._close)

    @property
    def is_open(self):
        """False at exit, and in a child that the function forked: the socket belongs to the parent alone."""
        return self._socket is not None

    def send(self, kind, event_id, *parts):
        total = sum(len(part) for part in parts)
        head = _HEADER.pack(5 + total, kind, event_id)
        if total < _BUFFER_BYTES:
            parts = (b"".join((head, *parts)),)
        else:
            parts = (head, *parts)
        try:
            with self._sending:
                for part in parts:
                    self._socket.sendall(part)
        except (OSError, AttributeError):
            # A thread that still logs while the process ends must not change how that looks.
            if self.is_open or kind != Kind.LOG:
                os._exit(1)

    def receive(self):
        """The next frame as (kind, event id, body); the body is the caller's to keep."""
        head = self._take(_HEADER.size)
        length, kind, event_id = _HEADER.unpack(head)
        return kind, event_id, self._take(length - 5)

    def _take(self, count):
        taken = memoryview(bytearray(count))
        done = min(count, self._end - self._start)
        taken[:done] = self._buffer[self._start : self._start + done]
        self._start += done
        while done < count:
            if count - done >= _BUFFER_BYTES:
                done += self._fill(taken[done:])
                continue
            self._start, self._end = 0, self._fill(self._buffer)
            more = min(count - done, self._end)
            taken[done : done + more] = self._buffer[:more]
            self._start = more
            done += more
        return taken

    def _fill(self, room):
        try:
            count = self._socket.recv_into(room)
        except (OSError, AttributeError):
            count = 0
        if count == 0:
            os._exit(1)
        return count

    def _close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._sending = threading.Lock()
