'use strict';
// The console of functions: one Log frame for each call, as text or as JSON.
// Source of the formats: the Lambda developer guide, "Log and monitor Node.js Lambda functions".

const { format } = require('node:util');
const { KIND } = require('./wire.cjs');
const { errorText, toError } = require('./errors.cjs');

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId');

/// Replaces the console's methods. Returns `logError(title, error)`, for errors that the boot itself reports.
/// `current()` gives the invocation that code runs for; none while there is none.
function patchConsole(wire, current) {
  const asJson = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';
  const render = asJson ? jsonMessage : textMessage;
  const least = Math.max(0, LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()));
  const log = (level, parameters) => {
    const now = new Date();
    const prefix = Buffer.allocUnsafe(9);
    prefix[0] = level + 1;
    prefix.writeBigInt64LE(BigInt(now.getTime()), 1);
    const invocation = current();
    const requestId = invocation?.metadata.requestId ?? globalThis[REQUEST_ID];
    const text = render(now.toISOString(), requestId, LEVELS[level], parameters);
    wire.send(KIND.LOG, invocation?.id ?? 0, prefix, Buffer.from(text));
  };
  const method = (name) => {
    const level = LEVELS.indexOf(name);
    if (level < least) return () => {};
    // The first parameter counts even where it is missing: `console.log()` says "undefined".
    return (message, ...rest) => log(level, [message, ...rest]);
  };
  console.trace = method('TRACE');
  console.debug = method('DEBUG');
  console.info = method('INFO');
  console.log = console.info;
  console.warn = method('WARN');
  console.error = method('ERROR');
  console.fatal = method('FATAL');
  return asJson
    ? (_title, error) => console.error(toError(error))
    : (title, error) => console.error(title, `\t${errorText(toError(error))}`);
}

function setRequestId(id) {
  globalThis[REQUEST_ID] = id;
}

function textMessage(time, requestId, level, parameters) {
  return `${time}\t${requestId}\t${level}\t${format(...parameters)}\n`;
}

function jsonMessage(timestamp, requestId, level, parameters) {
  const line = { timestamp, level, requestId };
  if (parameters.length === 1) {
    try {
      return JSON.stringify({ ...line, message: parameters[0] }, withErrors);
    } catch {
      return JSON.stringify({ ...line, message: format(parameters[0]) });
    }
  }
  line.message = format(...parameters);
  const error = parameters.find((parameter) => parameter instanceof Error);
  if (error !== undefined) Object.assign(line, errorFields(error, []));
  return JSON.stringify(line);
}

function withErrors(_key, value) {
  return value instanceof Error ? { ...errorFields(value, value.stack), ...value } : value;
}

function errorFields(error, noStack) {
  return {
    errorType: error.constructor?.name ?? 'UnknownError',
    errorMessage: error.message,
    stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : noStack,
  };
}

module.exports = { patchConsole, setRequestId };
