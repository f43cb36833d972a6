'use strict';
// Frames of the boot protocol (crates/boot) over the inherited socket.

const fs = require('node:fs');
const net = require('node:net');

const KIND = Object.freeze({
  START: 0x01, INVOKE: 0x02, CANCEL: 0x03, SHUTDOWN: 0x04,
  HELLO: 0x41, READY: 0x42, INIT_FAILED: 0x43, RESPONSE: 0x44, FAILURE: 0x45,
  STREAM_HEAD: 0x46, STREAM_CHUNK: 0x47, STREAM_END: 0x48, LOG: 0x49,
});

const HEADER_BYTES = 9;
const INBOX_BYTES = 64 * 1024;
// How many frames may wait behind a stream whose reader is slow before even logging blocks.
const MAX_WAITING = 1000;
// How long the end of the process waits for what the server has not taken, in milliseconds.
const EXIT_PATIENCE = 1000;
// How often to retry a full socket from the event loop before waiting a millisecond between tries.
const EAGER_RETRIES = 20;

/// Reads with the event loop, straight into the buffer of the frame. Writes without it: what a function logs just
/// before it ends the process, or before a loop without end, must not wait in a queue.
class Wire {
  constructor(fd, onFrame) {
    this.fd = fd;
    this.onFrame = onFrame;
    this.inbox = Buffer.allocUnsafeSlow(INBOX_BYTES);
    this.start = 0;
    this.end = 0;
    this.large = null;
    this.waiting = [];
    this.scheduled = false;
    this.retries = 0;
    this.sleeper = new Int32Array(new SharedArrayBuffer(4));
    // Node marks inherited descriptors close-on-exec itself.
    this.socket = new net.Socket({
      fd, readable: true, writable: false,
      onread: { buffer: () => this.room(), callback: (count) => this.arrived(count) },
    });
    this.socket.on('error', () => process.reallyExit(1));
    this.socket.on('close', () => process.reallyExit(1));
    this.socket.resume();
    process.on('exit', () => {
      for (let waited = 0; waited < EXIT_PATIENCE && !this.flush(); waited++) Atomics.wait(this.sleeper, 0, 0, 1);
    });
  }

  /// Whether waiting for the server keeps the process alive.
  holdOpen(yes) {
    if (yes) this.socket.ref();
    else this.socket.unref();
  }

  /// Sends a frame; returns when the kernel has all of it. A log event does not stop the function where only a slow
  /// reader of its stream is in the way.
  send(kind, id, ...parts) {
    const behindStream = this.waiting.length > 0 && this.waiting.length < MAX_WAITING;
    this.waiting.push({ buffers: frame(kind, id, parts), done: null });
    while (!this.flush()) {
      if (kind === KIND.LOG && behindStream) return;
      Atomics.wait(this.sleeper, 0, 0, 0.1);
    }
  }

  /// Sends a frame when the socket has room; calls `done` when the kernel has all of it.
  post(kind, id, part, done) {
    this.waiting.push({ buffers: frame(kind, id, [part]), done });
    this.flushLater();
  }

  flushLater() {
    if (this.scheduled) return;
    if (this.flush()) {
      this.retries = 0;
      return;
    }
    this.scheduled = true;
    const again = () => {
      this.scheduled = false;
      this.flushLater();
    };
    if (this.retries++ < EAGER_RETRIES) setImmediate(again);
    else setTimeout(again, 1);
  }

  /// Writes as much as the socket takes; whether that was all.
  flush() {
    while (this.waiting.length > 0) {
      const { buffers, done } = this.waiting[0];
      let written;
      try {
        written = fs.writevSync(this.fd, buffers);
      } catch (error) {
        if (error.code === 'EAGAIN') return false;
        process.reallyExit(1);
      }
      while (buffers.length > 0 && written >= buffers[0].length) written -= buffers.shift().length;
      if (buffers.length > 0) {
        buffers[0] = buffers[0].subarray(written);
        continue;
      }
      this.waiting.shift();
      if (done !== null) done();
    }
    return true;
  }

  /// Where the next bytes go.
  room() {
    if (this.large !== null) return this.large.buffer.subarray(this.large.end);
    return this.inbox.subarray(this.end);
  }

  arrived(count) {
    if (this.large === null) {
      this.end += count;
      this.cut();
      return true;
    }
    const { buffer } = this.large;
    this.large.end += count;
    if (this.large.end === buffer.length) {
      this.large = null;
      this.onFrame(buffer[4], buffer.readUInt32LE(5), buffer.subarray(HEADER_BYTES));
    }
    return true;
  }

  /// Hands on every whole frame; its body is valid only during the call.
  cut() {
    while (this.end - this.start >= HEADER_BYTES) {
      const { inbox, start } = this;
      const total = 4 + inbox.readUInt32LE(start);
      if (this.end - start >= total) {
        this.start += total;
        this.onFrame(inbox[start + 4], inbox.readUInt32LE(start + 5), inbox.subarray(start + HEADER_BYTES, start + total));
        continue;
      }
      if (total > INBOX_BYTES) {
        this.large = { buffer: Buffer.allocUnsafeSlow(total), end: this.end - start };
        inbox.copy(this.large.buffer, 0, start, this.end);
        this.start = this.end = 0;
        return;
      }
      break;
    }
    if (this.start > 0) {
      this.inbox.copyWithin(0, this.start, this.end);
      this.end -= this.start;
      this.start = 0;
    }
  }
}

function frame(kind, id, parts) {
  const head = Buffer.allocUnsafe(HEADER_BYTES);
  let body = 0;
  for (const part of parts) body += part.length;
  head.writeUInt32LE(HEADER_BYTES - 4 + body, 0);
  head[4] = kind;
  head.writeUInt32LE(id, 5);
  return [head, ...parts.filter((part) => part.length > 0)];
}

module.exports = { KIND, Wire };
