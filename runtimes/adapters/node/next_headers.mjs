// What `next/headers` exports.

import { headersOf, requests } from './web.mjs';
import { NextRequest, ResponseCookies } from './next_server.mjs';

function scopeOf(what) {
  const scope = requests.getStore();
  if (scope === undefined) throw new Error(`\`${what}\` was called outside a request scope.`);
  return scope;
}

/// A promise that also has what it is of: up to Next.js 14 these functions return at once.
function both(value, names) {
  const promise = Promise.resolve(value);
  for (const name of names) {
    promise[name] = (...args) => value[name](...args);
  }
  promise[Symbol.iterator] = () => value[Symbol.iterator]();
  return promise;
}

export function headers() {
  const { event } = scopeOf('headers');
  return both(headersOf(event), ['get', 'has', 'keys', 'values', 'entries', 'forEach', 'getSetCookie']);
}

/// The request's cookies; what is set goes out with the response.
export function cookies() {
  const scope = scopeOf('cookies');
  scope.cookieStore ??= storeOf(scope);
  return both(scope.cookieStore, ['get', 'getAll', 'has', 'set', 'delete', 'toString']);
}

function storeOf(scope) {
  const read = new NextRequest('http://localhost/', { headers: headersOf(scope.event) }).cookies;
  scope.outgoing = new Headers();
  const written = new ResponseCookies(scope.outgoing);
  return {
    get: (name) => read.get(name),
    getAll: (name) => read.getAll(name),
    has: (name) => read.has(name),
    toString: () => read.toString(),
    get size() { return read.size; },
    [Symbol.iterator]: () => read[Symbol.iterator](),
    set(...args) {
      const cookie = typeof args[0] === 'object' ? args[0] : { name: args[0], value: args[1], ...args[2] };
      written.set(cookie);
      read.set(cookie.name, cookie.value);
      return this;
    },
    delete(...args) {
      const cookie = typeof args[0] === 'object' ? args[0] : { name: args[0] };
      written.delete(cookie);
      read.delete(cookie.name);
      return this;
    },
  };
}

/// The response with the cookies that were set beside it.
export function finishCookies(scope, response) {
  const lines = scope.outgoing?.getSetCookie() ?? [];
  if (lines.length === 0) return response;
  const finished = new Response(response.body, response);
  for (const line of lines) finished.headers.append('set-cookie', line);
  return finished;
}

export async function draftMode() {
  return { isEnabled: false, enable() {}, disable() {} };
}
