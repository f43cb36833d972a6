// Edge functions of Netlify: they stand in front of the app, in a chain, and ask it for what they pass on.
//
// Source: the Netlify documentation, "Edge Functions API" and "Edge Functions declarations" (2026-11).

import { call } from './aws.js';
import { compilePath, matchPath } from './netlify_paths.js';

const env = {
  ...Deno.env.toObject(),
  CONTROL: { fetch: (url, init) => fetch(url, { ...init, redirect: 'manual' }) },
};

globalThis.Netlify ??= {
  env: {
    get: (name) => Deno.env.get(name),
    has: (name) => Deno.env.has(name),
    set: (name, value) => Deno.env.set(name, value),
    delete: (name) => Deno.env.delete(name),
    toObject: () => Deno.env.toObject(),
  },
};

/// Serves the edge functions of an app, in their order: `{ name, paths, patterns, excludedPaths, excludedPatterns, methods,
/// headers, onError, load }` each.
export function edge(table) {
  const whole = (pattern) => new RegExp(`^(?:${pattern})$`);
  const routes = table.map((entry) => ({
    ...entry,
    paths: [...entry.paths.map(compilePath), ...entry.patterns.map(whole)],
    excluded: [...entry.excludedPaths.map(compilePath), ...entry.excludedPatterns.map(whole)],
  }));
  Deno.serve(async (sent) => {
    const url = new URL(sent.url);
    const scheme = sent.headers.get('x-forwarded-proto');
    if (scheme === 'https' || scheme === 'http') url.protocol = `${scheme}:`;
    const { origin, hostname } = url;
    for (const [name, value] of [['URL', origin], ['SITE_NAME', hostname.split('.')[0]], ['SITE_ID', hostname.split('.')[0]]]) {
      if (!Deno.env.has(name)) Deno.env.set(name, value);
    }
    const hasBody = sent.method !== 'GET' && sent.method !== 'HEAD';
    const scope = {
      url,
      // What a function has read is there again for the next.
      body: hasBody ? new Uint8Array(await sent.arrayBuffer()) : undefined,
      client: sent.headers.get('x-forwarded-for')?.split(',')[0].trim() ?? '127.0.0.1',
      id: crypto.randomUUID(),
    };
    return chain(routes, 0, fresh(scope, sent), scope);
  });
}

/// The request, unread.
function fresh(scope, request, url = scope.url) {
  const init = { method: request.method, headers: request.headers, body: scope.body, redirect: 'manual' };
  return new Request(url, init);
}

/// Has the first function from `from` on answer that takes the request, or else the app.
async function chain(routes, from, request, scope) {
  for (let at = from; at < routes.length; at += 1) {
    const params = taken(routes[at], request);
    if (params !== null) {
      const next = async (other) => chain(routes, at + 1, other ?? fresh(scope, request, new URL(request.url)), scope);
      return run(routes[at], params, request, next, scope);
    }
  }
  return origin(request, scope);
}

function taken(route, request) {
  const { pathname } = new URL(request.url);
  if (!route.headers.every(([name, wanted]) => headerHolds(request.headers.get(name), wanted))) return null;
  if (route.methods.length > 0 && !route.methods.includes(request.method)) return null;
  if (route.excluded.some((pattern) => matchPath(pattern, pathname) !== null)) return null;
  for (const pattern of route.paths) {
    const params = matchPath(pattern, pathname);
    if (params !== null) return params;
  }
  return null;
}

/// `true` and `false` say whether a header is there, a text is a pattern of its value.
function headerHolds(value, wanted) {
  if (typeof wanted === 'boolean') return (value !== null) === wanted;
  return value !== null && new RegExp(wanted).test(value);
}

async function run(route, params, request, next, scope) {
  const lines = [];
  const context = contextOf(request, params, next, lines, scope);
  let result;
  try {
    const handler = (await route.load()).default;
    if (typeof handler !== 'function') throw new Error(`the edge function ${route.name} has no default function`);
    result = await handler(request, context);
  } catch (error) {
    console.error(error);
    // The platform passes the request on, past all edge functions.
    if (route.onError === 'bypass' || route.onError === 'continue') return next();
    if (route.onError?.startsWith('/')) return context.rewrite(route.onError);
    return new Response('Internal Server Error', { status: 500 });
  }
  let response = result ?? (await next());
  if (response instanceof URL) response = await context.rewrite(response);
  if (!(response instanceof Response)) {
    console.error(`the edge function ${route.name} returned no Response`);
    return new Response('Internal Server Error', { status: 500 });
  }
  if (lines.length === 0) return response;
  const finished = mutable(response);
  for (const line of lines) finished.headers.append('set-cookie', line);
  return finished;
}

/// Asks the app for what is behind its edge functions.
async function origin(request, scope) {
  const headers = [...request.headers].filter(([name]) => !['accept-encoding', 'connection', 'content-length', 'host'].includes(name));
  const asked = { method: request.method, url: request.url, headers, client: scope.client };
  const response = await call(env, 'ebb', {
    method: 'POST',
    path: '/_ebb/v1/origin',
    headers: { 'x-ebb-request': encode(JSON.stringify(asked)) },
    body: new Uint8Array(await request.arrayBuffer()),
  });
  return mutable(response);
}

function encode(text) {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''));
}

/// A response whose headers can be changed, and whose length is not known before it is sent.
function mutable(response) {
  const headers = new Headers(response.headers);
  for (const name of ['content-length', 'connection', 'transfer-encoding']) headers.delete(name);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

function contextOf(request, params, next, lines, scope) {
  const rewrite = async (to) => {
    const url = new URL(to, request.url);
    const asked = fresh(scope, request, url);
    return url.origin === scope.url.origin ? origin(asked, scope) : mutable(await fetch(asked));
  };
  return {
    account: { id: '' },
    cookies: cookiesOf(request, lines),
    deploy: { context: Deno.env.get('CONTEXT') ?? 'production', id: '0', published: true },
    geo: { city: '', country: { code: '', name: '' }, subdivision: { code: '', name: '' }, timezone: 'UTC', latitude: 0, longitude: 0 },
    ip: scope.client,
    json: (value, init) => Response.json(value, init),
    log: (...values) => console.log(...values),
    async next(other, { sendConditionalRequest = false } = {}) {
      const asked = other instanceof Request ? other : fresh(scope, request, new URL(request.url));
      if (!sendConditionalRequest) {
        for (const name of ['if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since']) asked.headers.delete(name);
      }
      return next(asked);
    },
    params,
    requestId: scope.id,
    rewrite,
    server: { region: Deno.env.get('AWS_REGION') ?? '' },
    site: { id: Deno.env.get('SITE_ID') ?? '', name: Deno.env.get('SITE_NAME') ?? '', url: scope.url.origin },
    url: new URL(request.url),
    waitUntil: (promise) => globalThis.EdgeRuntime.waitUntil(promise),
  };
}

function cookiesOf(request, lines) {
  const found = new Map();
  for (const pair of (request.headers.get('cookie') ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0) found.set(pair.slice(0, at).trim(), unquoted(pair.slice(at + 1).trim()));
  }
  return {
    get: (key) => found.get(typeof key === 'object' ? key.name : key),
    set(...args) {
      const cookie = typeof args[0] === 'object' ? args[0] : { name: args[0], value: args[1] };
      lines.push(formatted({ path: '/', ...cookie }));
    },
    delete(key) {
      const options = typeof key === 'object' ? key : { name: key };
      lines.push(formatted({ path: '/', ...options, value: '', expires: new Date(0) }));
    },
  };
}

function unquoted(value) {
  try {
    return decodeURIComponent(value.replace(/^"(.*)"$/, '$1'));
  } catch {
    return value;
  }
}

/// A `set-cookie` line. Source: RFC 6265, section 4.1.
function formatted({ name, value, ...options }) {
  const parts = [`${name}=${encodeURIComponent(value ?? '')}`];
  if (options.domain) parts.push(`Domain=${options.domain}`);
  if (options.path) parts.push(`Path=${options.path}`);
  if (options.expires !== undefined) parts.push(`Expires=${new Date(options.expires).toUTCString()}`);
  if (options.maxAge !== undefined) parts.push(`Max-Age=${options.maxAge}`);
  if (options.httpOnly) parts.push('HttpOnly');
  if (options.secure) parts.push('Secure');
  if (options.sameSite) parts.push(`SameSite=${options.sameSite}`);
  return parts.join('; ');
}
