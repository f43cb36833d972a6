'use strict';
// One event: the context, the ways in which a handler may answer, and when the answer leaves.
//
// Up to Node.js 22 handlers may answer by callback, by the context's done/succeed/fail or by a promise; from 24 on by
// what they return only. Source: the Lambda developer guide, "Define Lambda function handler in Node.js".

const { KIND } = require('./wire.cjs');
const { errorObject } = require('./errors.cjs');
const { ResponseStream } = require('./stream.cjs');

/// What `this` is in handlers.
class Runtime {}

/// What it uses of `boot`: the wire, the handler and how that is to be called, `logError(title, error)`, `contexts`, and
/// `finished(invocation)`, to be called when the event is over.
class Invocation {
  constructor(boot, id, metadata) {
    this.boot = boot;
    this.id = id;
    this.metadata = metadata;
    this.answered = false;
    this.stream = null;
    this.onEmptyLoop = null;
  }

  run(event) {
    if (this.boot.streaming !== null) this.runStreaming(event);
    else if (this.boot.returnsOnly) this.runReturning(event);
    else this.runCallback(event);
  }

  /// Calls the handler; its frame in a trace reads `Runtime.handler`, as everybody knows it.
  call(...values) {
    const runtime = new Runtime();
    runtime.handler = this.boot.handler;
    return runtime.handler(...values);
  }

  /// The server does not wait any more.
  cancel() {
    this.stream?.cancel();
  }

  /// The process is about to end because of this error.
  abandon(error) {
    if (this.answered) return;
    if (this.stream !== null) {
      this.answered = true;
      this.stream.conclude(error);
    } else {
      this.fail(error);
    }
  }

  succeed(result) {
    let text;
    try {
      text = JSON.stringify(result === undefined ? null : result) ?? 'null';
    } catch {
      throw new Error('Unable to stringify response body');
    }
    this.answered = true;
    this.boot.wire.send(KIND.RESPONSE, this.id, Buffer.from(text));
    this.boot.finished(this);
  }

  fail(error) {
    if (this.answered) return;
    this.answered = true;
    this.boot.wire.send(KIND.FAILURE, this.id, Buffer.from(JSON.stringify(errorObject(error))));
    this.boot.finished(this);
  }

  failLogged(error) {
    this.boot.logError('Invoke Error', error);
    this.fail(error);
  }

  /// What to do when nothing of the function's is left to run; only the last one set counts.
  whenLoopEmpties(listener) {
    this.onEmptyLoop = listener;
  }

  loopEmptied() {
    const listener = this.onEmptyLoop;
    this.onEmptyLoop = null;
    listener?.();
  }

  async runReturning(event) {
    this.whenLoopEmpties(() => process.exit(13)); // Node's own code for a promise that nothing can settle.
    try {
      const result = await this.call(JSON.parse(event), this.context({}));
      this.succeed(result);
    } catch (error) {
      this.failLogged(error);
    }
  }

  runCallback(event) {
    const { boot } = this;
    // While others run, the loop is not empty for this one.
    let waits = boot.contexts === null;
    let called = false;
    // The first of all ways to answer wins; one that throws has not answered.
    const first = (answer) => (...values) => {
      if (called) return;
      answer(...values);
      called = true;
    };
    const complete = (result) => {
      if (this.answered) {
        console.error('Invocation has already been reported as done. Cannot call complete more than once per invocation.');
        return;
      }
      this.succeed(result);
    };
    const settle = (error, result) => {
      this.whenLoopEmpties(null);
      if (error !== undefined && error !== null) this.failLogged(error);
      else complete(result);
    };
    const callback = first((error, result) => {
      if (!waits || (error !== undefined && error !== null)) settle(error, result);
      else this.whenLoopEmpties(() => setImmediate(() => complete(result)));
    });
    const succeed = first((result) => settle(null, result));
    const fail = first((error) => settle(error ?? 'handled', null));
    const answers = {
      get callbackWaitsForEmptyEventLoop() { return waits; },
      set callbackWaitsForEmptyEventLoop(value) { waits = value; },
      succeed,
      fail,
      done: first(settle),
    };
    this.whenLoopEmpties(() => this.succeed(null));
    try {
      const result = this.call(JSON.parse(event), this.context(answers), callback);
      if (typeof result?.then === 'function') result.then(succeed, fail).catch(fail);
    } catch (error) {
      callback(error);
    }
  }

  async runStreaming(event) {
    const { boot } = this;
    const stream = new ResponseStream(boot.wire, this.id, boot.streaming);
    this.stream = stream;
    const problem = (text) => (boot.returnsOnly ? new Error(text) : text);
    const conclude = (error) => {
      if (this.answered) return;
      this.answered = true;
      if (error !== undefined) boot.logError('Invoke Error', error);
      // What ended well has reached its reader: a later failure is for the log only.
      stream.conclude(stream.writableFinished ? undefined : error);
      boot.finished(this);
    };
    this.whenLoopEmpties(() => conclude(problem('Response stream is not finished.')));
    try {
      const result = this.call(JSON.parse(event), stream, this.context({ callbackWaitsForEmptyEventLoop: true }));
      if (typeof result?.then !== 'function') throw problem('Streaming does not support non-async handlers.');
      if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.');
      if (!stream.writableFinished && !stream.destroyed) {
        await new Promise((resolve) => stream.once('finish', resolve).once('close', resolve));
      }
      if (!stream.writableFinished) throw problem('Response stream is not finished.');
      conclude();
    } catch (error) {
      conclude(error ?? 'handled');
    }
  }

  /// Adds what the handler may know to the ways in which it may answer.
  context(answers) {
    const { metadata } = this;
    const { env } = process;
    return Object.assign(answers, {
      functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
      functionName: env.AWS_LAMBDA_FUNCTION_NAME,
      memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
      clientContext: parsed(metadata.clientContext, 'ClientContext'),
      identity: parsed(metadata.cognitoIdentity, 'CognitoIdentity'),
      invokedFunctionArn: metadata.functionArn,
      awsRequestId: metadata.requestId,
      tenantId: metadata.tenantId,
      getRemainingTimeInMillis: () => metadata.deadlineMs - Date.now(),
    });
  }
}

function parsed(text, name) {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

module.exports = { Invocation };
