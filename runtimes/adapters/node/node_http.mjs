// Handlers of Node's own kind, `(req, res)`: behind a server of the instance's own, so that all of Node's request and
// response is there, and frameworks that build on it.

import { createHash } from 'node:crypto';
import { createServer, request as connect } from 'node:http';
import { once } from 'node:events';
import { begin, bodyOf, headersOf, methodOf, parseCookies, requests, sentPath } from './web.mjs';

const SCOPE = 'x-ebb-scope';
const scopes = new Map();
let count = 0;
let listening;

/// Answers with what `handler(req, res)` writes. `helpers(req, res, scope)` adds to both before.
export async function answer(scope, handler, helpers) {
  listening ??= listen();
  const socketPath = await listening;
  const id = String((count += 1));
  scopes.set(id, { scope, handler, helpers });
  try {
    await forward(scope, socketPath, id);
  } finally {
    scopes.delete(id);
  }
}

async function listen() {
  const server = createServer((req, res) => {
    const { scope, handler, helpers } = scopes.get(req.headers[SCOPE]);
    delete req.headers[SCOPE];
    const at = req.rawHeaders.findIndex((name) => name.toLowerCase() === SCOPE);
    if (at >= 0) req.rawHeaders.splice(at, 2);
    requests.run(scope, () => run(scope, handler, helpers, req, res));
  });
  // A name that no file has: it is the instance's own, and gone with it.
  const name = `\0ebb-node-http-${process.pid}`;
  server.keepAliveTimeout = 0;
  server.listen(name).unref();
  await once(server, 'listening');
  return name;
}

async function run(scope, handler, helpers, req, res) {
  try {
    helpers?.(req, res, scope);
    await handler(req, res);
  } catch (error) {
    const status = error?.ebbStatus ?? 500;
    if (status === 500) console.error(error);
    if (res.headersSent) {
      res.destroy(error);
      return;
    }
    res.statusCode = status;
    res.end(error?.ebbStatus ? error.message : 'Internal Server Error');
  }
}

async function forward(scope, socketPath, id) {
  const { event, stream } = scope;
  const headers = [];
  for (const [name, value] of headersOf(event)) {
    if (name !== 'content-length') headers.push(name, value);
  }
  const body = bodyOf(event);
  if (body !== undefined) headers.push('content-length', String(body.length));
  headers.push(SCOPE, id);
  const query = event.rawQueryString ? `?${event.rawQueryString}` : '';
  const options = { socketPath, method: methodOf(event), path: sentPath(event) + query, headers, agent: false };
  const sending = connect(options);
  // The handler sees its client go.
  scope.signal.addEventListener('abort', () => sending.destroy(), { once: true });
  sending.end(body);
  try {
    await pass(sending, stream);
  } catch (error) {
    if (!scope.signal.aborted) throw error;
  }
  stream.end();
  if (!stream.writableFinished) await once(stream, 'finish');
}

/// Passes an answer on as it comes.
async function pass(sending, stream) {
  const [response] = await once(sending, 'response');
  const { plain, cookies } = split(response.rawHeaders);
  begin(stream, response.statusCode, plain, cookies);
  for await (const piece of response) {
    if (!stream.write(piece)) await once(stream, 'drain');
  }
  if (!response.complete) throw new Error('the response was cut off');
}

/// Headers by name, several values joined, without those that belong to the connection; and cookies.
function split(raw) {
  const plain = {};
  const cookies = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at].toLowerCase();
    if (name === 'connection' || name === 'keep-alive' || name === 'transfer-encoding') continue;
    if (name === 'set-cookie') cookies.push(raw[at + 1]);
    else plain[name] = name in plain ? `${plain[name]}, ${raw[at + 1]}` : raw[at + 1];
  }
  return { plain, cookies };
}

/// What Vercel adds to `req` and `res`, and Next.js for `pages/api`. Source: the Vercel documentation, "Node.js
/// runtime", section "Node.js helpers" (2026-11).
export function addHelpers(req, res, { params = {}, body, parse = true }) {
  lazy(req, 'query', () => ({ ...queryOf(req.url), ...params }));
  lazy(req, 'cookies', () => parseCookies(req.headers.cookie));
  if (parse) lazy(req, 'body', () => parsedBody(req.headers['content-type'], body));
  res.status = (code) => {
    res.statusCode = code;
    return res;
  };
  res.json = (value) => {
    if (!res.hasHeader('content-type')) res.setHeader('content-type', 'application/json; charset=utf-8');
    return sendBody(res, JSON.stringify(value));
  };
  res.send = (value) => {
    if (value === null || value === undefined) return sendBody(res, '');
    if (typeof value === 'string') {
      if (!res.hasHeader('content-type')) res.setHeader('content-type', 'text/html; charset=utf-8');
      return sendBody(res, value);
    }
    if (Buffer.isBuffer(value) || value instanceof Uint8Array) {
      if (!res.hasHeader('content-type')) res.setHeader('content-type', 'application/octet-stream');
      return sendBody(res, value);
    }
    if (typeof value?.pipe === 'function') return value.pipe(res);
    return res.json(value);
  };
  res.redirect = (status, url) => {
    if (typeof status === 'string') [status, url] = [307, status];
    if (typeof status !== 'number' || typeof url !== 'string') {
      throw new Error('Invalid redirect arguments. Please use a single argument URL, or a status code and a URL.');
    }
    res.writeHead(status, { location: url }).end(url);
    return res;
  };
}

function sendBody(res, body) {
  const bytes = Buffer.from(body);
  if (isFresh(res, bytes)) {
    res.statusCode = 304;
    for (const name of ['content-type', 'content-length']) res.removeHeader(name);
    return res.end();
  }
  if (!res.headersSent) res.setHeader('content-length', bytes.length);
  res.end(res.req.method === 'HEAD' ? undefined : bytes);
  return res;
}

/// Whether the client has this body already: it is named by its content, as the helpers of the platform do.
function isFresh(res, bytes) {
  const { method, headers } = res.req;
  if (res.headersSent || bytes.length === 0 || (method !== 'GET' && method !== 'HEAD')) return false;
  if (!res.hasHeader('etag')) {
    const digest = createHash('sha1').update(bytes).digest('base64').slice(0, 27);
    res.setHeader('etag', `W/"${bytes.length.toString(16)}-${digest}"`);
  }
  const known = (headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  const success = res.statusCode >= 200 && res.statusCode < 300;
  return success && (known.includes('*') || known.includes(String(res.getHeader('etag')).replace(/^W\//, '')));
}

function lazy(object, name, make) {
  const define = (value) => {
    Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: true });
    return value;
  };
  Object.defineProperty(object, name, { configurable: true, enumerable: true, get: () => define(make()), set: define });
}

function queryOf(url) {
  const query = {};
  for (const [name, value] of new URL(url, 'http://localhost').searchParams) {
    if (!(name in query)) query[name] = value;
    else query[name] = [].concat(query[name], value);
  }
  return query;
}

function parsedBody(type, bytes) {
  if (type === undefined || bytes === undefined) return undefined;
  const essence = type.split(';')[0].trim().toLowerCase();
  if (essence === 'application/json' || essence.endsWith('+json')) {
    const text = bytes.toString();
    if (text === '') return {};
    try {
      return JSON.parse(text);
    } catch {
      throw Object.assign(new Error('Invalid JSON'), { ebbStatus: 400 });
    }
  }
  if (essence === 'application/x-www-form-urlencoded') return queryOf(`/?${bytes.toString()}`);
  if (essence === 'application/octet-stream') return bytes;
  if (essence.startsWith('text/')) return bytes.toString();
  return bytes;
}
