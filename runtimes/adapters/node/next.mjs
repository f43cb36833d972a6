// Route handlers, API routes and middleware of Next.js. Source: the Next.js documentation, "route.js", "API Routes" and
// "Middleware" (2026-11).

import { bodyOf, isEvent, methodOf, requestOf, serve, tellOfClient, urlOf } from './web.mjs';
import { addHelpers, answer } from './node_http.mjs';
import { byRank, compile, match } from './routes.mjs';
import { NextRequest, matches, overridden, withoutBase } from './next_server.mjs';
import { finishCookies } from './next_headers.mjs';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/// The function of an app: `routes` are `{ path, kind: 'app' | 'pages', load }`, `middleware` loads that module.
export function next({ routes, middleware }) {
  const table = routes.map((route) => ({ ...route, ...compile(route.path) })).sort(byRank);
  return serve(async (scope) => {
    const { event } = scope;
    tellOfClient(event);
    scope.cookies = [];
    let request = requestOf(event, { Type: NextRequest, path: event.rawPath });
    let added;
    if (middleware !== undefined && !isEvent(event)) {
      const passed = await runMiddleware(await middleware(), request, scope);
      if (passed.response !== undefined) return finishCookies(scope, passed.response);
      ({ request, added } = passed);
      if (passed.rewritten) rewriteEvent(event, request.url);
    }
    const response = await route(table, request, scope);
    if (response === undefined) return undefined;
    const finished = finishCookies(scope, response);
    return added === undefined ? finished : withHeaders(finished, added);
  });
}

async function route(table, request, scope) {
  const path = withoutBase(new URL(request.url).pathname);
  for (const entry of table) {
    const params = path === null ? null : match(entry, path);
    if (params === null) continue;
    const module = await entry.load();
    return entry.kind === 'pages' ? pagesRoute(module, params, scope) : appRoute(module, params, request);
  }
  return new Response('404: This page could not be found.', { status: 404, headers: { 'content-type': 'text/plain' } });
}

async function appRoute(module, params, request) {
  const exported = METHODS.filter((method) => typeof module[method] === 'function');
  const handler = module[request.method] ?? (request.method === 'HEAD' ? module.GET : undefined);
  if (typeof handler !== 'function') {
    const allowed = new Set([...exported, 'OPTIONS']);
    if (allowed.has('GET')) allowed.add('HEAD');
    const headers = { allow: [...allowed].sort().join(', ') };
    return new Response(null, { status: request.method === 'OPTIONS' ? 204 : 405, headers });
  }
  // What tells modules that they run in the edge runtime; one that has any of it runs all of its app there.
  if (module.runtime === 'edge' || module.runtime === 'experimental-edge') globalThis.EdgeRuntime ??= 'edge-runtime';
  try {
    // Up to version 14 the parameters are an object, from 15 on a promise of it: this is both.
    const promised = Object.assign(Promise.resolve(params), params);
    const response = await handler(request, { params: promised });
    if (!(response instanceof Response)) {
      throw new Error(`No response is returned from route handler '${request.method} ${new URL(request.url).pathname}'. Ensure you return a \`Response\` or a \`NextResponse\` in all branches of your handler.`);
    }
    return request.method === 'HEAD' ? new Response(null, response) : response;
  } catch (error) {
    return thrown(error);
  }
}

/// `redirect()` and `notFound()` of next/navigation are thrown.
function thrown(error) {
  const digest = typeof error?.digest === 'string' ? error.digest : '';
  if (digest.startsWith('NEXT_REDIRECT;')) {
    const [, , ...rest] = digest.split(';');
    const status = Number(rest.at(-2)) || 307;
    return new Response(null, { status, headers: { location: rest.slice(0, -2).join(';') } });
  }
  const fallback = /^NEXT_HTTP_ERROR_FALLBACK;(\d+)$/.exec(digest);
  if (fallback !== null || digest === 'NEXT_NOT_FOUND') {
    return new Response(null, { status: fallback === null ? 404 : Number(fallback[1]) });
  }
  throw error;
}

async function pagesRoute(module, params, scope) {
  const handler = module.default?.default ?? module.default;
  const config = module.config ?? {};
  if (config.runtime === 'edge' || config.runtime === 'experimental-edge') {
    return handler(requestOf(scope.event, { Type: NextRequest, path: scope.event.rawPath }), scope);
  }
  const parse = config.api?.bodyParser !== false;
  await answer(scope, handler, (req, res) => {
    addHelpers(req, res, { params, body: bodyOf(scope.event), parse });
  });
  return undefined;
}

async function runMiddleware(module, request, scope) {
  const handler = module.middleware ?? module.proxy ?? module.default;
  if (typeof handler !== 'function' || !matches(module.config?.matcher, request)) return { request };
  const passed = await handler(request.clone(), { waitUntil: scope.waitUntil });
  if (passed === undefined || passed === null) return { request };
  const added = new Headers(passed.headers);
  const goesOn = added.get('x-middleware-next') === '1';
  const target = added.get('x-middleware-rewrite');
  if (!goesOn && target === null) return { response: passed };
  const headers = overridden(request.headers, added);
  for (const name of [...added.keys()]) if (name.startsWith('x-middleware-')) added.delete(name);
  if (target !== null && new URL(target, request.url).host !== new URL(request.url).host) {
    return { response: await fetch(new URL(target, request.url), { method: request.method, headers, body: request.body, duplex: 'half', redirect: 'manual' }) };
  }
  const url = target === null ? request.url : new URL(target, request.url).href;
  scope.event.headers = Object.fromEntries(headers);
  delete scope.event.headers.cookie;
  scope.event.cookies = headers.get('cookie')?.split('; ') ?? [];
  return { request: new NextRequest(url, withBody(request, headers)), added, rewritten: target !== null };
}

function withBody(request, headers) {
  const init = { method: request.method, headers, signal: request.signal };
  return request.body === null ? init : { ...init, body: request.body, duplex: 'half' };
}

function rewriteEvent(event, url) {
  const { pathname, search } = new URL(url);
  event.rawPath = pathname;
  event.requestContext.http.path = pathname;
  event.rawQueryString = search.slice(1);
}

function withHeaders(response, added) {
  const headers = new Headers(response.headers);
  for (const [name, value] of added) {
    if (name === 'set-cookie') headers.append(name, value);
    else headers.set(name, value);
  }
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

export { methodOf, urlOf };
