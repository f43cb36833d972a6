// Functions of Vercel's `api` folder. Source: the Vercel documentation, "Node.js runtime" and "Functions API reference"
// (2026-11).

import { bodyOf, methodOf, requestOf, requests, sentPath, serve, tellOfClient } from './web.mjs';
import { addHelpers, answer } from './node_http.mjs';
import { compile, match } from './routes.mjs';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

// Where `waitUntil` of @vercel/functions looks.
globalThis[Symbol.for('@vercel/request-context')] = {
  get() {
    const scope = requests.getStore();
    return scope && { waitUntil: scope.waitUntil, headers: scope.event.headers, url: sentPath(scope.event) };
  },
};

/// The function of one file: `path` is its route, `load` gives its module.
export function vercel({ path, load }) {
  const pattern = compile(path);
  let loading;
  let listening;
  return serve(async (scope) => {
    tellOfClient(scope.event);
    const module = await (loading ??= load());
    const own = module.default?.__esModule ? module.default : module;
    const params = match(pattern, scope.event.rawPath) ?? {};
    const methods = METHODS.filter((method) => typeof own[method] === 'function');
    if (methods.length > 0) return byMethod(own, methods, scope);
    const handler = own.default ?? own;
    if (typeof handler?.fetch === 'function' && typeof handler !== 'function') {
      return checked(await handler.fetch(requestOf(scope.event)));
    }
    if (own.config?.runtime === 'edge') {
      globalThis.EdgeRuntime ??= 'edge-runtime';
      return checked(await handler(requestOf(scope.event), { waitUntil: scope.waitUntil }));
    }
    if (typeof handler?.listen === 'function') {
      await answer(scope, (listening ??= await listenerOf(handler)));
      return undefined;
    }
    if (typeof handler !== 'function') {
      throw new Error(`${path} exports no function: neither a default one nor one named after a method`);
    }
    const joined = Object.fromEntries(Object.entries(params).map(([name, value]) => [name, value]));
    await answer(scope, handler, (req, res) => {
      addHelpers(req, res, { params: joined, body: bodyOf(scope.event) });
    });
    return undefined;
  }, { events: path });
}

/// The request handler of an application or a server, which goes without the helpers: Express, Koa, Fastify, Node's own.
async function listenerOf(application) {
  if (typeof application === 'function') return application;
  if (typeof application.callback === 'function') return application.callback();
  if (typeof application.ready === 'function') await application.ready();
  const server = application.server ?? application;
  return (req, res) => server.emit('request', req, res);
}

async function byMethod(module, methods, scope) {
  const method = methodOf(scope.event);
  const handler = module[method] ?? (method === 'HEAD' ? module.GET : undefined);
  if (handler === undefined) {
    const allowed = new Set([...methods, 'OPTIONS']);
    if (allowed.has('GET')) allowed.add('HEAD');
    const headers = { allow: [...allowed].sort().join(', ') };
    return new Response(null, { status: method === 'OPTIONS' ? 204 : 405, headers });
  }
  const response = checked(await handler(requestOf(scope.event), { waitUntil: scope.waitUntil }));
  return method === 'HEAD' ? new Response(null, response) : response;
}

function checked(response) {
  if (response instanceof Response) return response;
  throw new Error('the function returned no Response');
}
