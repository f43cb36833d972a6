'use strict';
// The stream that handlers made by `awslambda.streamifyResponse` write to.

const { Writable } = require('node:stream');
const { KIND } = require('./wire.cjs');
const { RuntimeErrors, errorObject } = require('./errors.cjs');

const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response';
const DELIMITER = Buffer.alloc(8);
// Well below the longest frame.
const PIECE_BYTES = 1024 * 1024;

class ResponseStream extends Writable {
  #wire;
  #id;
  #contentType = 'application/octet-stream';
  #begun = false;
  #cancelled = false;

  constructor(wire, id, options) {
    super({ decodeStrings: true, ...options });
    this.#wire = wire;
    this.#id = id;
    // A listener of its own: a fault of the stream is the invocation's failure, not the process's.
    this.on('error', () => {});
  }

  setContentType(type) {
    if (this.#begun) throw new RuntimeErrors.InvalidStreamingOperation('Cannot set content-type, too late.');
    this.#contentType = type;
  }

  write(chunk, encoding, callback) {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) chunk = JSON.stringify(chunk) ?? 'undefined';
    if (!this.writableEnded) return super.write(chunk, encoding, callback);
    // What ended stays well ended; the writer is told.
    const error = Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' });
    const tell = typeof encoding === 'function' ? encoding : callback;
    process.nextTick(() => {
      if (typeof tell === 'function') tell(error);
      this.emit('error', error);
    });
    return false;
  }

  end(chunk, encoding, callback) {
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') {
      this.write(chunk, typeof encoding === 'string' ? encoding : undefined);
      return super.end(typeof encoding === 'function' ? encoding : callback);
    }
    return super.end(typeof chunk === 'function' ? chunk : typeof encoding === 'function' ? encoding : callback);
  }

  _write(chunk, _encoding, done) {
    this.#begin();
    this.#sendPieces(chunk, done);
  }

  _final(done) {
    this.#begin();
    done();
  }

  /// From now on pieces are dropped: nobody waits for them. Who writes may learn of it by the event.
  cancel() {
    this.#cancelled = true;
    this.emit('ebb:reader-gone');
  }

  /// Sends the end, or the failure; the last thing sent about this event.
  conclude(error) {
    // A function that writes on must not reach the next event.
    this.#cancelled = true;
    const body = error === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(errorObject(error)));
    this.#wire.send(this.#begun ? KIND.STREAM_END : KIND.FAILURE, this.#id, body);
    this.#begun = true;
  }

  #begin() {
    if (this.#begun) return;
    this.#begun = true;
    this.#wire.send(KIND.STREAM_HEAD, this.#id, Buffer.from(JSON.stringify({ contentType: this.#contentType })));
    this._onBeforeFirstWrite?.((chunk) => this.#wire.send(KIND.STREAM_CHUNK, this.#id, Buffer.from(chunk)));
  }

  #sendPieces(chunk, done) {
    if (this.#cancelled || chunk.length === 0) {
      process.nextTick(done);
      return;
    }
    const piece = chunk.subarray(0, PIECE_BYTES);
    const rest = chunk.subarray(PIECE_BYTES);
    this.#wire.post(KIND.STREAM_CHUNK, this.#id, piece, rest.length > 0 ? () => this.#sendPieces(rest, done) : done);
  }
}

const HttpResponseStream = Object.freeze({
  /// Has the stream begin with the status, headers and cookies of an HTTP response.
  from(stream, prelude) {
    stream.setContentType(PRELUDE_TYPE);
    const text = JSON.stringify(prelude);
    stream._onBeforeFirstWrite = (write) => {
      write(text);
      write(DELIMITER);
    };
    return stream;
  },
});

module.exports = { HttpResponseStream, ResponseStream };
