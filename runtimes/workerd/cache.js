// The Cache API: answers kept in the memory of this instance, as a data centre keeps them for itself.
//
// Source: the Workers documentation, "Cache", and RFC 9111 for what may be kept and for how long.

const CAPACITY = 64 * 1024 * 1024;
const LARGEST = 8 * 1024 * 1024;
const entries = new Map();
let held = 0;

const slot = (request) => `${request.headers.get('cf-cache-namespace') ?? ''} ${request.url}`;

function drop(key) {
  const entry = entries.get(key);
  if (entry) {
    entries.delete(key);
    held -= entry.body.byteLength;
  }
  return Boolean(entry);
}

// Seconds that an answer stays fresh; 0 where it may not be kept.
function lifetime(headers) {
  const control = headers.get('cache-control') ?? '';
  const directives = new Map(control.toLowerCase().split(',').map((part) => part.trim().split('=')));
  if (directives.has('no-store') || directives.has('private') || directives.has('no-cache')) return 0;
  if (headers.has('set-cookie') && !control.includes('private=set-cookie')) return 0;
  for (const name of ['s-maxage', 'max-age']) {
    if (directives.has(name)) return Number(directives.get(name)) || 0;
  }
  const expires = Date.parse(headers.get('expires') ?? '');
  return Number.isNaN(expires) ? 0 : Math.max(0, (expires - Date.now()) / 1000);
}

// workerd sends the answer to keep as the text of an HTTP/1.1 message.
function parse(bytes) {
  let end = 0;
  while (end + 3 < bytes.length && !(bytes[end] === 13 && bytes[end + 1] === 10 && bytes[end + 2] === 13 && bytes[end + 3] === 10)) end++;
  const [first, ...lines] = new TextDecoder().decode(bytes.subarray(0, end)).split('\r\n');
  const [, status, ...reason] = first.split(' ');
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  let body = bytes.subarray(end + 4);
  if (/chunked/i.test(headers.get('transfer-encoding') ?? '')) {
    headers.delete('transfer-encoding');
    body = dechunk(body);
  }
  return { status: Number(status), statusText: reason.join(' '), headers, body };
}

function dechunk(bytes) {
  const parts = [];
  for (let at = 0; ;) {
    let end = at;
    while (bytes[end] !== 13) end++;
    const size = parseInt(new TextDecoder().decode(bytes.subarray(at, end)), 16);
    if (!size) break;
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
}

function match(request) {
  const key = slot(request);
  const entry = entries.get(key);
  if (!entry || entry.until <= Date.now()) {
    drop(key);
    return new Response(null, { status: 504, headers: { 'cf-cache-status': 'MISS' } });
  }
  // What was asked for last is dropped last.
  entries.delete(key);
  entries.set(key, entry);
  const headers = new Headers(entry.headers);
  headers.set('cf-cache-status', 'HIT');
  const tag = headers.get('etag');
  const asked = request.headers.get('if-none-match');
  if (tag && asked && (asked === '*' || asked.split(',').some((one) => one.trim().replace(/^W\//, '') === tag.replace(/^W\//, '')))) {
    return new Response(null, { status: 304, headers });
  }
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get('range') ?? '');
  if (range && entry.status === 200 && (range[1] || range[2])) {
    const size = entry.body.byteLength;
    const first = range[1] ? Number(range[1]) : Math.max(0, size - Number(range[2]));
    const last = range[1] && range[2] ? Math.min(size - 1, Number(range[2])) : size - 1;
    if (first <= last) {
      headers.set('content-range', `bytes ${first}-${last}/${size}`);
      headers.set('content-length', String(last - first + 1));
      return new Response(entry.body.slice(first, last + 1), { status: 206, headers });
    }
  }
  return new Response(entry.body, { status: entry.status, statusText: entry.statusText, headers });
}

async function put(request) {
  const { status, statusText, headers, body } = parse(new Uint8Array(await request.arrayBuffer()));
  const seconds = lifetime(headers);
  if (seconds > 0 && status !== 206 && headers.get('vary') !== '*' && body.byteLength <= LARGEST) {
    const key = slot(request);
    drop(key);
    entries.set(key, { status, statusText, headers, body: body.slice(), until: Date.now() + seconds * 1000 });
    held += body.byteLength;
    for (const oldest of entries.keys()) {
      if (held <= CAPACITY) break;
      drop(oldest);
    }
  }
  return new Response(null, { status: 204 });
}

export default {
  async fetch(request) {
    if (request.method === 'PUT') return put(request);
    if (request.method === 'PURGE') return new Response(null, { status: drop(slot(request)) ? 200 : 404 });
    return match(request);
  },
};
