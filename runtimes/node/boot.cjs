'use strict';
// The Node boot: takes on one function over the boot protocol and feeds it events, one at a time or, where the function's
// settings say so, several.
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
const { rehearse } = require('./rehearsal.cjs');

// How long a boot waits for its function before it uses the time, in milliseconds.
const REHEARSAL_DELAY = 5;

class Boot {
  constructor(fd) {
    this.handler = null;
    this.streaming = null;
    this.returnsOnly = false;
    this.running = new Map(); // Invocations, by the numbers of their events.
    this.only = null; // The invocation that runs, where no others run beside it.
    this.contexts = null; // Which invocation code runs for, where several run.
    this.shuttingDown = false;
    this.initialising = false;
    this.wire = new Wire(fd, (kind, id, body) => this.received(kind, id, body));
    const hello = { protocol: 1, runtime: `nodejs${process.versions.node}` };
    this.wire.send(KIND.HELLO, 0, Buffer.from(JSON.stringify(hello)));
    this.started = false;
    // Where the function is known already it is waiting in the socket, and comes first. What fails is met again by it.
    setTimeout(() => this.started || rehearse().catch(() => {}), REHEARSAL_DELAY);
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
        this.running.get(id)?.cancel();
        break;
      case KIND.SHUTDOWN:
        if (this.running.size === 0) process.exit(0);
        this.shuttingDown = true;
        break;
    }
  }

  async start({ handler, root, env }) {
    this.started = true;
    Object.assign(process.env, env);
    if (env.NODE_PATH !== undefined) Module._initPaths();
    process.chdir(root);
    const generation = /^AWS_Lambda_nodejs(\d+)\.x$/.exec(process.env.AWS_EXECUTION_ENV ?? '');
    this.returnsOnly = generation !== null && Number(generation[1]) >= 24;
    if (Number(process.env.AWS_LAMBDA_MAX_CONCURRENCY) > 1) {
      this.contexts = new (require('node:async_hooks').AsyncLocalStorage)();
    }
    this.logError = patchConsole(this.wire, () => (this.contexts === null ? this.only : this.contexts.getStore()));
    this.watchProcess();
    if (!['1', 'true'].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) {
      globalThis.awslambda = { streamifyResponse, HttpResponseStream };
    }
    if (process.env.EBB_INSPECT_PORT) require('node:inspector').open(Number(process.env.EBB_INSPECT_PORT), '127.0.0.1');
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
    // Longer events are none of custom resources.
    if (event.length < 65_536 && event.includes('"ResponseURL"')) require('./response_url.cjs').expectAnswer(event);
    const invocation = new Invocation(this, id, metadata);
    this.running.set(id, invocation);
    // Not inside the socket's callback: what the handler throws must look like any exception of its own.
    if (this.contexts !== null) {
      // The loop is never empty: what this one waits for may come with another event.
      setImmediate(() => this.contexts.run(invocation, () => invocation.run(event)));
      return;
    }
    this.only = invocation;
    this.wire.holdOpen(false);
    setRequestId(metadata.requestId);
    if (metadata.traceId) process.env._X_AMZN_TRACE_ID = metadata.traceId;
    else delete process.env._X_AMZN_TRACE_ID;
    setImmediate(() => invocation.run(event));
  }

  /// Called by an invocation once it has answered.
  finished(invocation) {
    if (!this.running.delete(invocation.id)) return;
    this.only = null;
    if (this.running.size > 0) return;
    if (this.shuttingDown) process.exit(0);
    this.wire.holdOpen(true);
  }

  watchProcess() {
    process.on('beforeExit', () => {
      if (this.initialising) process.exit(13); // Node's own code for a top-level await that nothing can settle.
      for (const invocation of [...this.running.values()]) invocation.loopEmptied();
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
      for (const invocation of [...this.running.values()]) invocation.abandon(error);
    }
    process.exit(code);
  }
}

const fd = Number(process.env.EBB_BOOT_FD);
delete process.env.EBB_BOOT_FD;
new Boot(fd);
