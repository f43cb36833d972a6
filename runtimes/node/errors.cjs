'use strict';
// Error objects for callers and for the log, in the shapes of AWS's interface client for Node.js.

const { types } = require('node:util');

const RuntimeErrors = {};
for (const name of [
  'ImportModuleError', 'HandlerNotFound', 'MalformedHandlerName', 'UserCodeSyntaxError', 'MalformedStreamingHandler',
  'InvalidStreamingOperation', 'CallbackHandlerDeprecated', 'UnhandledPromiseRejection',
]) {
  RuntimeErrors[name] = { [name]: class extends Error {} }[name];
  Object.defineProperty(RuntimeErrors[name].prototype, 'name', { value: `Runtime.${name}`, writable: true, configurable: true });
}

/// What the caller gets.
function errorObject(error) {
  try {
    if (types.isNativeError(error) || looksLikeError(error)) {
      return {
        errorType: escaped(error.name),
        errorMessage: escaped(error.message),
        trace: escaped(error.stack).split('\n'),
      };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
    };
  }
}

/// What the log gets: with the error's own fields.
function errorText(error) {
  try {
    return JSON.stringify(error, (_key, value) => (value instanceof Error ? withFields(value) : value));
  } catch {
    return JSON.stringify(errorObject(error));
  }
}

function withFields(error) {
  const fields = { errorType: error.name, errorMessage: error.message, code: error.code, ...error };
  if (typeof error.stack === 'string') fields.stack = error.stack.split('\n');
  return fields;
}

function toError(value) {
  return value instanceof Error ? value : new Error(value);
}

function looksLikeError(value) {
  return Boolean(value) && ['name', 'message', 'stack'].every((key) => typeof value[key] === 'string' && value[key] !== '');
}

function escaped(text) {
  return text?.replace(/\x7F/g, '%7F');
}

module.exports = { RuntimeErrors, errorObject, errorText, toError };
