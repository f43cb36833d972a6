'use strict';
// Finds and loads the handler: CommonJS, ES modules and TypeScript, tried in the order of AWS's interface client.

const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { RuntimeErrors } = require('./errors.cjs');
const { prepareImport, prepareRequire, requiresImport } = require('./modules.cjs');

// What asks for the function's modules, in the "Require stack" of Node's messages: where Lambda has its runtime.
const requireAsRuntime = createRequire('/var/runtime/index.mjs');

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

/// The handler function of `path/to/module.export.name` below `root`.
async function loadHandler(root, name) {
  if (name.includes('..')) {
    throw new RuntimeErrors.MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const base = path.basename(name);
  const folder = name.slice(0, name.indexOf(base));
  const dot = base.indexOf('.');
  if (dot < 0) throw new RuntimeErrors.MalformedHandlerName('Bad handler');
  const exported = await loadModule(root, folder, base.slice(0, dot));
  const keys = base.slice(dot + 1).split('.');
  const handler = walk(exported, keys) ?? walk(exported?.default, keys);
  if (!handler) throw new RuntimeErrors.HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw new RuntimeErrors.HandlerNotFound(`${name} is not a function`);
  return handler;
}

function walk(object, keys) {
  return keys.reduce((nested, key) => nested && nested[key], object);
}

async function loadModule(root, folder, name) {
  try {
    const stem = path.resolve(root, folder, name);
    for (const extension of ['', '.js', '.mjs', '.cjs', '.ts', '.mts', '.cts']) {
      const file = stem + extension;
      if (isFile(file)) return await loadFile(file);
    }
    if (fs.existsSync(stem)) return requireAsRuntime(stem);
    return requireAsRuntime(requireAsRuntime.resolve(name, { paths: [root, path.join(root, folder)] }));
  } catch (error) {
    if (error instanceof SyntaxError) throw new RuntimeErrors.UserCodeSyntaxError(error, { cause: error });
    if (error?.code === 'MODULE_NOT_FOUND') throw new RuntimeErrors.ImportModuleError(error, { cause: error });
    throw error;
  }
}

async function loadFile(file) {
  if (!requiresImport(file)) {
    prepareRequire(file);
    try {
      return requireAsRuntime(file);
    } catch (error) {
      // Syntax of an ES module without its mark, with a top-level await or on a Node that cannot require it.
      if (error?.code !== 'ERR_REQUIRE_ASYNC_MODULE' && error?.code !== 'ERR_REQUIRE_ESM') throw error;
    }
  }
  prepareImport(file);
  return import(pathToFileURL(file).href);
}

function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

/// Whether the handler writes to a stream, and how much that may hold.
function streamingOf(handler) {
  const mark = handler[STREAMING];
  if (mark === undefined || mark === null || mark === false) return null;
  if (mark !== 'response') {
    throw new RuntimeErrors.MalformedStreamingHandler('Only response streaming is supported.');
  }
  const highWaterMark = parseInt(handler[HIGH_WATER_MARK], 10);
  return { highWaterMark: Number.isNaN(highWaterMark) ? undefined : highWaterMark };
}

/// Marks a handler as one that writes to a stream: `awslambda.streamifyResponse`.
function streamifyResponse(handler, options) {
  handler[STREAMING] = 'response';
  if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
  return handler;
}

module.exports = { loadHandler, streamifyResponse, streamingOf };
