// What `next/server` exports, for functions that run without Next.js's own server.

import { formatCookie, parseCookies, waitUntil } from './web.mjs';

class RequestCookies {
  #headers;
  #found;
  constructor(headers) {
    this.#headers = headers;
    this.#found = new Map(Object.entries(parseCookies(headers.get('cookie'))));
  }
  get size() { return this.#found.size; }
  [Symbol.iterator]() { return this.getAll().map((cookie) => [cookie.name, cookie])[Symbol.iterator](); }
  get(name) {
    const key = typeof name === 'object' ? name.name : name;
    return this.#found.has(key) ? { name: key, value: this.#found.get(key) } : undefined;
  }
  getAll(name) {
    const key = typeof name === 'object' ? name?.name : name;
    const all = [...this.#found].map(([own, value]) => ({ name: own, value }));
    return key === undefined ? all : all.filter((cookie) => cookie.name === key);
  }
  has(name) { return this.#found.has(name); }
  set(...args) {
    const { name, value } = typeof args[0] === 'object' ? args[0] : { name: args[0], value: args[1] };
    this.#found.set(name, value);
    return this.#write();
  }
  delete(names) {
    const removed = [].concat(names).map((name) => this.#found.delete(name));
    this.#write();
    return Array.isArray(names) ? removed : removed[0];
  }
  clear() { this.#found.clear(); return this.#write(); }
  toString() { return [...this.#found].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('; '); }
  #write() {
    this.#headers.set('cookie', this.toString());
    return this;
  }
}

export class ResponseCookies {
  #headers;
  #set = new Map();
  constructor(headers) {
    this.#headers = headers;
    for (const line of headers.getSetCookie()) {
      const [pair] = line.split(';');
      const at = pair.indexOf('=');
      this.#set.set(pair.slice(0, at), { name: pair.slice(0, at), value: decodeURIComponent(pair.slice(at + 1)), line });
    }
  }
  get(name) { return shown(this.#set.get(typeof name === 'object' ? name.name : name)); }
  getAll(name) {
    const all = [...this.#set.values()].map(shown);
    return name === undefined ? all : all.filter((cookie) => cookie.name === (name.name ?? name));
  }
  has(name) { return this.#set.has(name); }
  set(...args) {
    const cookie = typeof args[0] === 'object' ? { ...args[0] } : { name: args[0], value: args[1], ...args[2] };
    const full = { path: '/', ...cookie };
    this.#set.set(full.name, { ...full, line: formatCookie(full) });
    this.#headers.delete('set-cookie');
    for (const { line } of this.#set.values()) this.#headers.append('set-cookie', line);
    return this;
  }
  delete(...args) {
    const options = typeof args[0] === 'object' ? args[0] : { name: args[0] };
    return this.set({ ...options, value: '', expires: new Date(0) });
  }
}

function shown(cookie) {
  if (cookie === undefined) return undefined;
  const { line, ...rest } = cookie;
  return rest;
}

/// What comes before all paths of the app, where its configuration says so.
const basePath = process.env.EBB_NEXT_BASE_PATH ?? '';

/// A path of the app without what comes before all of them; null where it is none of the app's.
export function withoutBase(path) {
  if (basePath === '') return path;
  if (path !== basePath && !path.startsWith(`${basePath}/`)) return null;
  return path.slice(basePath.length) || '/';
}

class NextURL extends URL {
  basePath = basePath;
  locale = '';
  get pathname() { return withoutBase(super.pathname) ?? super.pathname; }
  set pathname(path) { super.pathname = basePath + (path.startsWith('/') ? path : `/${path}`); }
  clone() { return new NextURL(this.href); }
}

export class NextRequest extends Request {
  #url;
  #cookies;
  constructor(input, init) {
    super(input instanceof URL ? input.href : input, init);
  }
  get nextUrl() { return (this.#url ??= new NextURL(super.url)); }
  get url() { return this.#url?.href ?? super.url; }
  get cookies() { return (this.#cookies ??= new RequestCookies(this.headers)); }
  get ip() { return this.headers.get('x-forwarded-for')?.split(',')[0].trim(); }
  get geo() { return {}; }
  clone() {
    const copy = super.clone();
    return new NextRequest(copy.url, copy);
  }
}

export class NextResponse extends Response {
  #cookies;
  get cookies() { return (this.#cookies ??= new ResponseCookies(this.headers)); }
  static json(body, init) {
    const response = Response.json(body, init);
    return new NextResponse(response.body, response);
  }
  static redirect(url, init) {
    const status = typeof init === 'number' ? init : (init?.status ?? 307);
    if (![301, 302, 303, 307, 308].includes(status)) throw new RangeError('Failed to execute "redirect" on "response": Invalid status code');
    const headers = new Headers(typeof init === 'object' ? init.headers : undefined);
    headers.set('location', String(url));
    return new NextResponse(null, { ...(typeof init === 'object' ? init : {}), status, headers });
  }
  static rewrite(url, init) {
    const headers = new Headers(init?.headers);
    headers.set('x-middleware-rewrite', String(url));
    overrides(init?.request?.headers, headers);
    return new NextResponse(null, { ...init, headers });
  }
  static next(init) {
    const headers = new Headers(init?.headers);
    headers.set('x-middleware-next', '1');
    overrides(init?.request?.headers, headers);
    return new NextResponse(null, { ...init, headers });
  }
}

/// Writes the headers that a request shall have down in those of the response that lets it pass.
function overrides(wanted, headers) {
  if (wanted === undefined) return;
  const names = [];
  for (const [name, value] of new Headers(wanted)) {
    headers.set(`x-middleware-request-${name}`, value);
    names.push(name);
  }
  headers.set('x-middleware-override-headers', names.join(','));
}

/// The headers of a request after what middleware wrote down.
export function overridden(headers, added) {
  const names = added.get('x-middleware-override-headers');
  if (names === null) return new Headers(headers);
  const kept = new Headers();
  for (const name of names.split(',').filter(Boolean)) kept.set(name, added.get(`x-middleware-request-${name}`) ?? '');
  return kept;
}

/// Whether a request is one that a `matcher` means.
export function matches(matcher, request) {
  if (matcher === undefined) return true;
  const { pathname: sent } = new URL(request.url);
  const pathname = withoutBase(sent) ?? sent;
  return [].concat(matcher).some((entry) => {
    const { source, has = [], missing = [] } = typeof entry === 'string' ? { source: entry } : entry;
    const holds = (condition) => conditionHolds(condition, request);
    return expression(source).test(pathname) && has.every(holds) && !missing.some(holds);
  });
}

function conditionHolds({ type, key, value }, request) {
  const { searchParams, hostname } = new URL(request.url);
  const found = { header: () => request.headers.get(key), query: () => searchParams.get(key), host: () => hostname,
    cookie: () => request.cookies.get(key)?.value }[type]?.();
  if (found === undefined || found === null) return false;
  return value === undefined || new RegExp(`^${value}$`).test(found);
}

/// A pattern of path-to-regexp as a regular expression.
function expression(source) {
  let text = '';
  for (let at = 0; at < source.length; ) {
    const named = /^\/?:(\w+)/.exec(source.slice(at));
    if (named !== null) {
      const slash = named[0].startsWith('/') ? '\\/' : '';
      at += named[0].length;
      let group = '[^\\/]+?';
      if (source[at] === '(') {
        const end = closing(source, at);
        group = source.slice(at + 1, end);
        at = end + 1;
      }
      const modifier = /[*+?]/.test(source[at] ?? '') ? source[at++] : '';
      const one = `${slash}(?:${group})`;
      if (modifier === '*') text += `(?:${one}(?:\\/(?:${group}))*)?`;
      else if (modifier === '+') text += `${one}(?:\\/(?:${group}))*`;
      else text += modifier === '?' ? `(?:${one})?` : one;
    } else if (source[at] === '(') {
      const end = closing(source, at);
      text += `(?:${source.slice(at + 1, end)})`;
      at = end + 1;
    } else {
      text += source[at].replace(/[.+*?^${}|[\]\\/]/g, '\\$&');
      at += 1;
    }
  }
  return new RegExp(`^${text}\\/?$`);
}

function closing(source, open) {
  let depth = 0;
  for (let at = open; at < source.length; at += 1) {
    if (source[at] === '\\') at += 1;
    else if (source[at] === '(') depth += 1;
    else if (source[at] === ')' && (depth -= 1) === 0) return at;
  }
  throw new Error(`the pattern ${source} has an open parenthesis`);
}

/// Runs work after the response.
export function after(task) {
  waitUntil(typeof task === 'function' ? new Promise((resolve) => setImmediate(resolve)).then(task) : task);
}

export async function connection() {}

export function userAgentFromString(text) {
  return { ua: text ?? '', isBot: /bot|crawl|spider|slurp/i.test(text ?? ''), browser: {}, device: {}, engine: {}, os: {}, cpu: {} };
}

export function userAgent({ headers }) {
  return userAgentFromString(headers.get('user-agent') ?? undefined);
}

export const ImageResponse = class {
  constructor() { throw new Error('ImageResponse is not built in ebb yet'); }
};
