'use strict';
// The Node boot: takes on one function over the boot protocol and feeds it events, one at a time.
//
// The protocol is specified in crates/boot. What handlers see (errors, context, console, streams) follows AWS's
// interface clients for Node.js, version 3.3 up to Node.js 22 and 4.0 from 24 on. Start reading at `start`.

const Module = require('node:module');
const { KIND, Wire } = require('./wire.cjs');
const { RuntimeErrors, errorObject } = require('./errors.cjs');
const { patchConsole, setRequestId } = require('./console.cjs');
const { loadHandler, streamifyResponse, streamingOf } = require('./loader.cjs');
const { HttpResponseStream } = require('./stream.cjs');
const { Invocation } = require('./invocation.cjs');

class Boot {
  constructor(fd) {
    this.handler = null;
    this.streaming = null;
    this.returnsOnly = false;
    this.current = null;
    this.shuttingDown = false;
    this.onEmptyLoop = null;
    this.initialising = false;
    this.wire = new Wire(fd, (kind, id, body) => this.received(kind, id, body));
    const hello = { protocol: 1, runtime: `nodejs${process.versions.node}` };
    this.wire.send(KIND.HELLO, 0, Buffer.from(JSON.stringify(hello)));
  }

  received(kind, id, body) {
    switch (kind) {
      case KIND.START:
        this.start(JSON.parse(body.toString()));
        break;
      case KIND.INVOKE: {
        const end = 4 + body.readUInt32LE(0);
        this.invoke(id, JSON.parse(body.toString('utf8', 4, end)), body.toString('utf8', end));
        break;
      }
      case KIND.CANCEL:
        if (this.current?.id === id) this.current.cancel();
        break;
      case KIND.SHUTDOWN:
        if (this.current === null) process.exit(0);
        this.shuttingDown = true;
        break;
    }
  }

  async start({ handler, root, env }) {
    Object.assign(process.env, env);
    if (env.NODE_PATH !== undefined) Module._initPaths();
    process.chdir(root);
    const generation = /^AWS_Lambda_nodejs(\d+)\.x$/.exec(process.env.AWS_EXECUTION_ENV ?? '');
    this.returnsOnly = generation !== null && Number(generation[1]) >= 24;
    this.logError = patchConsole(this.wire, () => this.current?.id ?? 0);
    this.watchProcess();
    if (!['1', 'true'].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) {
      globalThis.awslambda = { streamifyResponse, HttpResponseStream };
    }
    this.initialising = true;
    // Nothing but the function's own work keeps the process alive: an import that can never end ends it.
    this.wire.holdOpen(false);
    try {
      this.handler = await loadHandler(root, handler);
      // What the function's files left rejected shows now, and fails the initialisation.
      await new Promise(setImmediate);
      this.streaming = streamingOf(this.handler);
      if (this.returnsOnly && this.streaming === null && this.handler.length >= 3) {
        throw new RuntimeErrors.CallbackHandlerDeprecated(
          'Handlers that take a callback are not supported from Node.js 24 on: make it async, or return a promise.');
      }
    } catch (error) {
      this.logError('Uncaught Exception', error);
      this.endWith(error, 129);
      return;
    }
    this.initialising = false;
    this.wire.holdOpen(true);
    this.wire.send(KIND.READY, 0);
  }

  invoke(id, metadata, event) {
    this.current = new Invocation(this, id, metadata);
    setRequestId(metadata.requestId);
    if (metadata.traceId) process.env._X_AMZN_TRACE_ID = metadata.traceId;
    else delete process.env._X_AMZN_TRACE_ID;
    this.wire.holdOpen(false);
    // Not inside the socket's callback: what the handler throws must look like any exception of its own.
    setImmediate(() => this.current.run(event));
  }

  /// Called by an invocation once it has answered.
  finished(invocation) {
    if (this.current !== invocation) return;
    this.current = null;
    this.onEmptyLoop = null;
    if (this.shuttingDown) process.exit(0);
    this.wire.holdOpen(true);
  }

  watchProcess() {
    process.on('beforeExit', () => {
      if (this.initialising) process.exit(13); // Node's own code for a top-level await that nothing can settle.
      const listener = this.onEmptyLoop;
      this.onEmptyLoop = null;
      listener?.();
    });
    process.on('uncaughtException', (error) => {
      this.logError('Uncaught Exception', error);
      this.endWith(error, 129);
    });
    process.on('unhandledRejection', (reason, promise) => {
      const error = new RuntimeErrors.UnhandledPromiseRejection(reason);
      error.reason = reason;
      error.promise = promise;
      this.logError('Unhandled Promise Rejection', error);
      this.endWith(error, 128);
    });
  }

  /// Reports the error to whoever waits and ends the process.
  endWith(error, code) {
    if (this.initialising) {
      this.wire.send(KIND.INIT_FAILED, 0, Buffer.from(JSON.stringify(errorObject(error))));
    } else {
      this.current?.abandon(error);
    }
    process.exit(code);
  }
}

const fd = Number(process.env.EBB_BOOT_FD);
delete process.env.EBB_BOOT_FD;
new Boot(fd);
