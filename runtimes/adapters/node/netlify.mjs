// Functions of Netlify, of both kinds. Source: the Netlify documentation, "Functions API reference", "Lambda-compatible
// functions", "Background functions" and "Scheduled functions" (2026-11).

import { once } from 'node:events';
import { bodyOf, formatCookie, isEvent, methodOf, parseCookies, requestOf, requests, sentPath, serve, urlOf } from './web.mjs';
import { compilePath, matchPath } from './netlify_paths.mjs';
import { nextRun } from './cron.mjs';

/// Marks handlers that write to a stream.
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');

globalThis.Netlify ??= {
  env: {
    get: (name) => process.env[name],
    has: (name) => name in process.env,
    set: (name, value) => { process.env[name] = value; },
    delete: (name) => { delete process.env[name]; },
    toObject: () => ({ ...process.env }),
  },
  get context() {
    return requests.getStore()?.netlify ?? null;
  },
};

/// The function of one file: `paths` are those of its `config`, `methods` those it takes, `schedule` its cron line.
export function netlify({ name, load, paths = [], methods = [], schedule }) {
  const patterns = paths.map(compilePath);
  let loading;
  return serve(async (scope) => {
    const { event } = scope;
    tellOfSite(event);
    const module = await (loading ??= load());
    // What the platform invokes by itself is no request to a path.
    const invoked = schedule !== undefined || isEvent(event);
    if (methods.length > 0 && !methods.includes(methodOf(event)) && !invoked) {
      return new Response(null, { status: 405, headers: { allow: methods.join(', ') } });
    }
    const params = {};
    for (const pattern of patterns) {
      const found = matchPath(pattern, event.rawPath);
      if (found !== null) {
        Object.assign(params, found);
        break;
      }
    }
    if (patterns.length > 0 && !invoked && !patterns.some((pattern) => matchPath(pattern, event.rawPath) !== null)) {
      return notFound();
    }
    if (schedule !== undefined && !isEvent(event)) setNextRun(event, schedule);
    const handler = module.default?.default ?? module.default;
    if (typeof handler === 'function' && typeof (module.handler ?? module.default?.handler) !== 'function') {
      return modern(handler, params, scope, name);
    }
    const classic = module.handler ?? module.default?.handler;
    if (typeof classic !== 'function') throw new Error(`the function ${name} exports neither a default function nor \`handler\``);
    return legacy(classic, scope);
  }, { events: `/.netlify/functions/${name}` });
}

/// What the platform tells functions of their site. Source: "Environment variables and functions", read-only variables.
function tellOfSite(event) {
  const { origin, hostname } = new URL(urlOf(event));
  process.env.URL ??= origin;
  process.env.SITE_NAME ??= hostname.split('.')[0];
  process.env.SITE_ID ??= process.env.SITE_NAME;
}

function notFound() {
  return new Response('Not Found', { status: 404 });
}

/// The body of what the clock invokes tells when it will be next.
function setNextRun(event, schedule) {
  event.body = JSON.stringify({ next_run: nextRun(schedule, new Date()).toISOString() });
  event.isBase64Encoded = false;
}

async function modern(handler, params, scope, name) {
  const { event } = scope;
  const request = requestOf(event);
  const context = contextOf(request, params, scope, name);
  scope.netlify = context;
  const response = await handler(request, context);
  const lines = context.cookies.lines;
  if (response === undefined || response === null) return new Response(null, { status: 204 });
  if (response instanceof URL) return Response.redirect(response, 302);
  if (!(response instanceof Response)) throw new Error(`the function ${name} returned no Response`);
  if (lines.length === 0) return response;
  const finished = new Response(response.body, response);
  for (const line of lines) finished.headers.append('set-cookie', line);
  return finished;
}

function contextOf(request, params, scope, name) {
  const { event, context } = scope;
  const found = parseCookies(request.headers.get('cookie'));
  const lines = [];
  return {
    account: { id: event.requestContext.accountId },
    cookies: {
      lines,
      get: (key) => found[typeof key === 'object' ? key.name : key],
      set(...args) {
        const cookie = typeof args[0] === 'object' ? args[0] : { name: args[0], value: args[1] };
        lines.push(formatCookie({ path: '/', ...cookie }));
      },
      delete(key) {
        const options = typeof key === 'object' ? key : { name: key };
        lines.push(formatCookie({ path: '/', ...options, value: '', expires: new Date(0) }));
      },
    },
    deploy: { context: process.env.CONTEXT ?? 'production', id: '0', published: true },
    flags: {},
    function: { name },
    geo: {},
    ip: event.requestContext.http.sourceIp,
    json: (body, init) => Response.json(body, init),
    log: (...values) => console.log(...values),
    next: async () => notFound(),
    params,
    requestId: context.awsRequestId,
    rewrite: async (url) => fetch(new URL(url, request.url)),
    server: { region: process.env.AWS_REGION },
    site: { id: process.env.SITE_ID ?? '', name: process.env.SITE_NAME ?? '', url: new URL(request.url).origin },
    url: new URL(request.url),
    waitUntil: scope.waitUntil,
  };
}

async function legacy(handler, scope) {
  const { event } = scope;
  const { searchParams } = new URL(urlOf(event));
  const many = {};
  for (const [name, value] of searchParams) (many[name] ??= []).push(value);
  const headers = { ...event.headers };
  if (event.cookies?.length) headers.cookie = event.cookies.join('; ');
  const bytes = bodyOf(event);
  const binary = bytes !== undefined && isBinary(headers['content-type'], bytes);
  const classic = {
    rawUrl: urlOf(event),
    rawQuery: event.rawQueryString,
    path: sentPath(event),
    httpMethod: methodOf(event),
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: Object.fromEntries(Object.entries(many).map(([name, values]) => [name, values.join(', ')])),
    multiValueQueryStringParameters: many,
    body: bytes === undefined ? null : bytes.toString(binary ? 'base64' : 'utf8'),
    isBase64Encoded: binary,
  };
  const context = { ...scope.context, clientContext: {}, callbackWaitsForEmptyEventLoop: true };
  if (handler[STREAMING] !== undefined) {
    // What `stream` of @netlify/functions makes of a handler writes its answer itself.
    await handler(classic, scope.stream, context);
    if (!scope.stream.writableFinished) await once(scope.stream, 'finish');
    return undefined;
  }
  const result = await called(handler, classic, context);
  return responseOf(result);
}

/// Whether a body is given to functions in base64: by its type, as the platform tells, and where it is no text.
function isBinary(type, bytes) {
  if (/image|audio|video|application\/(pdf|zip|octet-stream)/i.test(type ?? '')) return true;
  return !Buffer.from(bytes.toString()).equals(bytes);
}

/// Calls a handler that answers by what it returns or by its callback.
function called(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, result) => (error ? reject(error) : resolve(result));
    const returned = handler(event, context, callback);
    if (typeof returned?.then === 'function') returned.then(resolve, reject);
    else if (returned !== undefined) resolve(returned);
  });
}

function responseOf(result) {
  if (result === undefined || result === null) return new Response(null, { status: 204 });
  if (typeof result !== 'object' || !Number.isInteger(result.statusCode)) {
    throw new Error('the function returned no object with a statusCode');
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(result.headers ?? {})) {
    if (!(name in (result.multiValueHeaders ?? {}))) headers.set(name, String(value));
  }
  for (const [name, values] of Object.entries(result.multiValueHeaders ?? {})) {
    for (const value of values) headers.append(name, String(value));
  }
  const { body } = result;
  const empty = body === undefined || body === null || body === '' || [204, 304].includes(result.statusCode);
  if (!empty && typeof body === 'object' && (typeof body.getReader === 'function' || typeof body.pipe === 'function')) {
    return new Response(typeof body.pipe === 'function' ? streamed(body) : body, { status: result.statusCode, headers });
  }
  if (!empty && !headers.has('content-type')) headers.set('content-type', 'text/plain; charset=utf-8');
  const text = typeof body === 'object' && body !== null ? JSON.stringify(body) : String(body);
  const bytes = empty ? null : Buffer.from(text, result.isBase64Encoded ? 'base64' : 'utf8');
  return new Response(bytes, { status: result.statusCode, headers });
}

function streamed(readable) {
  return new ReadableStream({
    async start(controller) {
      for await (const piece of readable) controller.enqueue(typeof piece === 'string' ? Buffer.from(piece) : piece);
      controller.close();
    },
  });
}
