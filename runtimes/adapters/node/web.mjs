// Events of payload format 2.0 become web requests; web responses are streamed back.

import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { Writable } from 'node:stream';

/// What belongs to the request that is being answered: `event`, `context`, `waitUntil(promise)`, and `signal`, which is
/// aborted when the client goes away.
export const requests = (globalThis[Symbol.for('ebb.requests')] ??= new AsyncLocalStorage());

/// Has work go on after the response; the instance is kept until it is done.
export function waitUntil(promise) {
  const scope = requests.getStore();
  if (scope === undefined) throw new Error('waitUntil was called outside of a request');
  scope.waitUntil(promise);
}

/// Marks requests that are events of the platform; no client can send it.
const EVENT = 'ebb-event';

/// Whether a request is an event of the platform.
export const isEvent = (event) => event.headers[EVENT] !== undefined;

/// A function that answers by what `handle(scope)` gives: a Response, or nothing where it wrote to `scope.stream` itself.
/// Events that are no requests (messages of queues and topics, what happens in buckets) come as a POST to the path
/// `events`, with the event as JSON and the header `ebb-event`; what is answered is what the function returns.
export function serve(handle, { events = '/' } = {}) {
  return globalThis.awslambda.streamifyResponse(async (event, stream, context) => {
    if (event?.requestContext?.http !== undefined) {
      delete event.headers[EVENT];
      return answered(handle, event, stream, context);
    }
    const kept = new Kept();
    await answered(handle, asRequest(event, events, context), kept, context);
    if (kept.status >= 400) throw new Error(`the event was answered with ${kept.status}`);
    stream.end(kept.json());
    if (!stream.writableFinished) await once(stream, 'finish');
  });
}

function asRequest(event, path, context) {
  const host = 'localhost';
  return {
    version: '2.0',
    rawPath: path,
    rawQueryString: '',
    headers: { host, 'content-type': 'application/json', [EVENT]: '1' },
    body: JSON.stringify(event),
    isBase64Encoded: false,
    requestContext: {
      accountId: '', domainName: host, requestId: context.awsRequestId,
      http: { method: 'POST', path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: '' },
    },
  };
}

/// An answer to an event.
class Kept extends Writable {
  status = 200;
  #pieces = [];
  _write(piece, _encoding, done) {
    this.#pieces.push(piece);
    done();
  }
  /// What was answered where that is JSON, else null.
  json() {
    const text = Buffer.concat(this.#pieces).toString();
    try {
      JSON.parse(text);
      return text;
    } catch {
      return 'null';
    }
  }
}

async function answered(handle, event, stream, context) {
  const tasks = [];
  const gone = new AbortController();
  stream.once('ebb:reader-gone', () => gone.abort());
  const scope = {
    event,
    context,
    stream,
    signal: gone.signal,
    waitUntil(promise) {
      tasks.push(Promise.resolve(promise).catch((error) => console.error(error)));
    },
  };
  await requests.run(scope, async () => {
    let response;
    try {
      response = await handle(scope);
    } catch (error) {
      // The text of an error is for the log, never for the public.
      if (!gone.signal.aborted || error?.name !== 'AbortError') console.error(error);
      response = new Response('Internal Server Error', { status: 500 });
    }
    await send(response, stream, methodOf(event) === 'HEAD', gone.signal);
    for (let done = 0; done < tasks.length; done += 1) await tasks[done];
  });
}

/// The request of an event, as `Type` (Request or a class that extends it).
export function requestOf(event, { Type = Request, path = sentPath(event) } = {}) {
  const method = methodOf(event);
  const body = method === 'GET' || method === 'HEAD' ? undefined : bodyOf(event);
  return new Type(urlOf(event, path), { method, headers: headersOf(event), body, signal: requests.getStore()?.signal });
}

/// Adds what the edge of Vercel tells functions of a request. Source: the Vercel documentation, "Request headers".
export function tellOfClient(event) {
  const { headers, requestContext } = event;
  const client = headers['x-forwarded-for']?.split(',')[0].trim() ?? requestContext.http.sourceIp;
  const host = headers.host ?? requestContext.domainName;
  const region = process.env.VERCEL_REGION ?? 'dev1';
  headers['x-real-ip'] ??= client;
  headers['x-vercel-forwarded-for'] ??= client;
  headers['x-forwarded-host'] ??= host;
  headers['x-vercel-deployment-url'] ??= host;
  headers['x-vercel-id'] ??= `${region}::${requestContext.requestId ?? ''}`;
}

export function methodOf(event) {
  return event.requestContext.http.method;
}

/// The path as the client sent it, whatever a rule made of it.
export function sentPath(event) {
  return event.requestContext.http.path;
}

export function urlOf(event, path = sentPath(event)) {
  const { host = event.requestContext.domainName, 'x-forwarded-proto': scheme = 'http' } = event.headers;
  const query = event.rawQueryString ? `?${event.rawQueryString}` : '';
  // Two slashes at the start would be read as a host.
  return new URL(`${scheme}://${host}${path}${query}`).href;
}

export function headersOf(event) {
  const headers = new Headers();
  for (const [name, value] of Object.entries(event.headers)) headers.append(name, value);
  if (event.cookies?.length) headers.set('cookie', event.cookies.join('; '));
  return headers;
}

/// The body as bytes; undefined where there is none.
export function bodyOf(event) {
  if (event.body === undefined || event.body === null) return undefined;
  return Buffer.from(event.body, event.isBase64Encoded ? 'base64' : 'utf8');
}

/// Writes a response. What is there at once goes with its length, so that its reader need not wait for more.
async function send(response, stream, isHead, signal) {
  if (response === undefined) return;
  const headers = new Headers(response.headers);
  const cookies = headers.getSetCookie();
  headers.delete('set-cookie');
  const reader = response.body?.getReader();
  // Nobody reads on: what makes the body is told to stop.
  const stop = () => reader?.cancel(signal.reason).catch(() => {});
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  const pending = [];
  let next = { done: true };
  if (reader !== undefined) {
    next = await reader.read();
    if (!next.done) {
      pending.push(next.value);
      next = await within(reader);
    }
  }
  const bodiless = isHead || response.status === 204 || response.status === 304;
  if (next?.done && !headers.has('content-length') && !bodiless) {
    headers.set('content-length', String(pending.reduce((bytes, piece) => bytes + piece.byteLength, 0)));
  }
  begin(stream, response.status, Object.fromEntries(headers), cookies);
  for (const piece of pending) await write(stream, piece);
  while (next === undefined || !next.done) {
    if (next?.value !== undefined) await write(stream, next.value);
    next = await (unread.get(reader) ?? reader.read());
    unread.delete(reader);
  }
  stream.end();
  if (!stream.writableFinished) await once(stream, 'finish');
}

/// Reads that were begun and not waited for.
const unread = new WeakMap();

/// What the next read gives, where it is there already.
async function within(reader) {
  const reading = reader.read();
  const first = await Promise.race([reading, new Promise((resolve) => setImmediate(resolve))]);
  if (first === undefined) unread.set(reader, reading);
  return first;
}

/// Starts the response: status, headers and cookies go before the body.
export function begin(stream, statusCode, headers, cookies) {
  if (stream instanceof Kept) {
    stream.status = statusCode;
    return;
  }
  globalThis.awslambda.HttpResponseStream.from(stream, { statusCode, headers, cookies });
}

async function write(stream, piece) {
  const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
  if (!stream.write(bytes)) await once(stream, 'drain');
}

/// Cookies of a request by name.
export function parseCookies(text) {
  const cookies = {};
  for (const pair of (text ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at < 0) continue;
    const name = pair.slice(0, at).trim();
    const value = pair.slice(at + 1).trim().replace(/^"(.*)"$/, '$1');
    if (name in cookies) continue;
    try {
      cookies[name] = decodeURIComponent(value);
    } catch {
      cookies[name] = value;
    }
  }
  return cookies;
}

/// A `set-cookie` header.
export function formatCookie({ name, value, ...options }) {
  const parts = [`${name}=${encodeURIComponent(value ?? '')}`];
  if (options.path !== undefined) parts.push(`Path=${options.path}`);
  if (options.domain) parts.push(`Domain=${options.domain}`);
  if (options.maxAge !== undefined) parts.push(`Max-Age=${Math.trunc(options.maxAge)}`);
  if (options.expires !== undefined) parts.push(`Expires=${new Date(options.expires).toUTCString()}`);
  if (options.secure) parts.push('Secure');
  if (options.httpOnly) parts.push('HttpOnly');
  if (options.partitioned) parts.push('Partitioned');
  if (options.sameSite) {
    const site = options.sameSite === true ? 'strict' : String(options.sameSite);
    parts.push(`SameSite=${site}`);
  }
  if (options.priority) parts.push(`Priority=${options.priority}`);
  return parts.join('; ');
}
