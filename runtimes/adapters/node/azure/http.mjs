// The app's server: requests to its HTTP triggers, and the events of the platform.

import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import http from 'node:http';
import { registered, setting, triggerOf } from './app.mjs';
import { fillOutputs, readInputs } from './bindings.mjs';
import { handleEvent } from './events.mjs';
import { invoke } from './invoke.mjs';
import { compare, compile, match } from './routes.mjs';

const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

/// Serves the app. `proxy` is where the project's package takes requests itself, where it streams them.
export function serve(port, host, proxy) {
  const prefix = (host.extensions?.http?.routePrefix ?? 'api').replace(/^\/|\/$/g, '');
  const routes = httpRoutes(prefix);
  const server = http.createServer((request, response) => {
    const answering = request.headers['ebb-event'] ? event(request, response) : answer(routes, proxy, request, response);
    answering.catch((error) => {
      // The text of an error is for the log, never for the public.
      console.error(error);
      if (response.headersSent) response.destroy();
      else empty(response, 500);
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(port);
}

function empty(response, status) {
  return response.writeHead(status, { 'content-length': 0 }).end();
}

function httpRoutes(prefix) {
  const routes = [];
  for (const entry of registered()) {
    const trigger = triggerOf(entry);
    if (trigger?.type.toLowerCase() !== 'httptrigger') continue;
    const own = setting(trigger.route ?? entry.metadata.name).replace(/^\//, '');
    const methods = (trigger.methods ?? []).map((method) => method.toUpperCase());
    routes.push({ entry, trigger, methods, pattern: compile(prefix === '' ? own : `${prefix}/${own}`) });
  }
  return routes.sort((a, b) => compare(a.pattern, b.pattern));
}

async function answer(routes, proxy, request, response) {
  const url = new URL(request.url, 'http://localhost');
  const found = find(routes, request.method, url.pathname);
  if (found === null) return empty(response, 404);
  const { route, params } = found;
  if (!allowed(route, request, url)) return empty(response, 401);
  const id = randomUUID();
  const streamed = proxy === undefined ? undefined : forward(proxy, id, request, response);
  const body = proxy === undefined ? await read(request) : undefined;
  const invoked = run(route, id, request, url, params, body);
  if (streamed !== undefined) {
    // A function that fails, or gives nothing, has answered nothing: the connection to it is given up.
    const given = await invoked.catch((error) => { streamed.abort(); throw error; });
    if (given !== null) return streamed.done;
    streamed.abort();
  }
  return send(response, (await invoked) ?? undefined);
}

function find(routes, method, path) {
  for (const route of routes) {
    if (route.methods.length > 0 && !route.methods.includes(method)) continue;
    const params = match(route.pattern, path);
    if (params !== null) return { route, params };
  }
  return null;
}

async function run({ entry, trigger }, id, request, url, params, body) {
  const metadata = Object.fromEntries(Object.entries(params).map(([name, value]) => [name, { string: value }]));
  metadata.Headers = { json: JSON.stringify(request.headers) };
  metadata.Query = { json: JSON.stringify(Object.fromEntries(url.searchParams)) };
  const { 'x-forwarded-proto': scheme = 'http', host = 'localhost' } = request.headers;
  const rpc = {
    url: `${scheme}://${host}${request.url}`,
    method: request.method,
    headers: headersOf(request),
    params,
    body: body?.length ? { bytes: body } : undefined,
  };
  const known = { ...params, query: Object.fromEntries(url.searchParams), headers: rpc.headers };
  const inputs = { [trigger.name]: { http: rpc }, ...(await readInputs(entry, known, body)) };
  const { outputs, returned, isNothing } = await invoke(entry, { id, inputs, triggerMetadata: metadata });
  const named = await fillOutputs(entry, { outputs, returned }, known);
  return isNothing ? null : named?.http;
}

function headersOf(request) {
  const headers = {};
  for (const [name, value] of Object.entries(request.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

/// Passes a request on to the project's package, which streams it to the function and the answer back.
function forward(proxy, id, request, response) {
  const { host, 'x-forwarded-proto': scheme = 'http', ...headers } = request.headers;
  const forwarded = http.request(proxy, {
    method: request.method,
    path: request.url,
    headers: { ...headers, host: new URL(proxy).host, 'x-forwarded-host': host ?? 'localhost', 'x-forwarded-proto': scheme, 'x-ms-invocation-id': id },
  });
  const done = new Promise((resolve, reject) => {
    forwarded.on('response', (answer) => {
      const kept = Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.includes(name) && name !== 'x-ms-invocation-id');
      response.writeHead(answer.statusCode, Object.fromEntries(kept));
      answer.pipe(response);
      answer.on('end', resolve).on('error', reject);
    });
    forwarded.on('error', reject);
    response.on('close', () => { if (!response.writableFinished) forwarded.destroy(); });
  });
  done.catch(() => {});
  request.pipe(forwarded);
  return { done, abort: () => forwarded.destroy() };
}

async function read(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

/// Answers with what the function gave; nothing is 204, as the platform's host says.
function send(response, given) {
  if (given === undefined || given === null) return response.writeHead(204).end();
  for (const [name, value] of Object.entries(given.headers ?? {})) {
    if (!HOP_BY_HOP.includes(name.toLowerCase())) response.setHeader(name, value);
  }
  const cookies = (given.cookies ?? []).map(cookie);
  if (cookies.length > 0) response.setHeader('set-cookie', cookies);
  const { bytes, string, json } = given.body ?? {};
  const body = Buffer.from(bytes ?? string ?? json ?? '');
  const status = Number(given.statusCode ?? 200);
  if (body.length > 0 && !response.hasHeader('content-type')) response.setHeader('content-type', 'text/plain; charset=utf-8');
  if (status !== 204 && status !== 304 && !response.hasHeader('content-length')) response.setHeader('content-length', body.length);
  response.writeHead(status);
  return response.end(body);
}

function cookie({ name, value, domain, path, expires, secure, httpOnly, sameSite, maxAge }) {
  const parts = [`${name}=${encodeURIComponent(value)}`];
  const add = (key, given) => given?.value !== undefined && parts.push(`${key}=${given.value}`);
  add('Max-Age', maxAge);
  add('Domain', domain);
  add('Path', path);
  if (expires?.value) parts.push(`Expires=${new Date(Number(expires.value.seconds) * 1000).toUTCString()}`);
  if (httpOnly?.value) parts.push('HttpOnly');
  if (secure?.value) parts.push('Secure');
  const site = { lax: 'Lax', strict: 'Strict', explicitNone: 'None' }[sameSite];
  if (site) parts.push(`SameSite=${site}`);
  return parts.join('; ');
}

/// Whether a request brings the key that the function's level asks for.
function allowed({ trigger }, request, url) {
  const level = String(trigger.authLevel ?? 'anonymous').toLowerCase();
  if (level === 'anonymous') return true;
  const given = request.headers['x-functions-key'] ?? url.searchParams.get('code');
  const { EBB_FUNCTION_KEY: key, EBB_MASTER_KEY: master } = process.env;
  return (level === 'function' && same(given, key)) || same(given, master);
}

function same(given, key) {
  if (!given || !key) return false;
  const digest = (text) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(key));
}

/// An event of the platform: the answer says which parts of it failed.
async function event(request, response) {
  const answer = await handleEvent(JSON.parse((await read(request)).toString()));
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(answer ?? null));
}
