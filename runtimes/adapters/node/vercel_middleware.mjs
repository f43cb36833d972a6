// Routing middleware of a Vercel project: it stands in front of the app, and asks it for what it passes on.
//
// Source: the Vercel documentation, "Routing Middleware" and "Routing Middleware API" (2026-11).

import { call } from './aws.mjs';
import { NextRequest, matches, overridden } from './next_server.mjs';
import { bodyOf, requestOf, serve } from './web.mjs';

const env = { ...process.env, CONTROL: { fetch: (url, init) => fetch(url, { ...init, redirect: 'manual' }) } };

/// The function of the middleware: `load` gives its module.
export function middleware({ load }) {
  let loading;
  return serve(async (scope) => {
    const module = await (loading ??= load());
    const own = module.default?.__esModule ? module.default : module;
    const handler = own.default ?? own.middleware;
    if (typeof handler !== 'function') throw new Error('the middleware exports no function');
    const request = requestOf(scope.event, { Type: NextRequest });
    const asked = matches(own.config?.matcher, request);
    const passed = asked ? await handler(requestOf(scope.event), { waitUntil: scope.waitUntil }) : undefined;
    if (passed === undefined || passed === null) return origin(request.url, request.headers, scope);
    const added = new Headers(passed.headers);
    const target = added.get('x-middleware-rewrite');
    if (target === null && added.get('x-middleware-next') !== '1') return passed;
    const headers = overridden(request.headers, added);
    for (const name of [...added.keys()]) if (name.startsWith('x-middleware-')) added.delete(name);
    const url = target === null ? request.url : new URL(target, request.url).href;
    return withHeaders(await origin(url, headers, scope), added);
  });
}

/// What is behind the middleware: of this app, or of another host.
async function origin(url, sent, scope) {
  const { event } = scope;
  const method = event.requestContext.http.method;
  const body = bodyOf(event) ?? new Uint8Array();
  const headers = [...sent].filter(([name]) => !['accept-encoding', 'connection', 'content-length', 'host'].includes(name));
  const home = new URL(url).host === (event.headers.host ?? event.requestContext.domainName);
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const response = home
    ? await call(env, 'ebb', {
      method: 'POST',
      path: '/_ebb/v1/origin',
      headers: { 'x-ebb-request': described({ method, url, headers, client: event.requestContext.http.sourceIp }) },
      body,
    })
    : await fetch(url, { method, headers, body: hasBody ? body : undefined, redirect: 'manual' });
  return new Response(response.body, { status: response.status, headers: unsized(response.headers) });
}

const described = (request) => Buffer.from(JSON.stringify(request)).toString('base64');

/// Headers but for those of the connection that they came over.
function unsized(headers) {
  const kept = new Headers(headers);
  for (const name of ['content-length', 'connection', 'transfer-encoding', 'keep-alive']) kept.delete(name);
  return kept;
}

function withHeaders(response, added) {
  for (const [name, value] of added) {
    if (name === 'set-cookie') response.headers.append(name, value);
    else response.headers.set(name, value);
  }
  return response;
}
