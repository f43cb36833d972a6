// A KV namespace, kept in a bucket: what workerd's KV bindings talk to.
//
// A key becomes the hex of its bytes, which keeps prefixes and order, and no character of a key means anything to a
// URL. Metadata and expiration are the object's metadata.
//
// Source: the Workers documentation, "KV", "Workers Binding API" and "Limits" (2026-11).

import { bucket } from './aws.js';

const KEY_BYTES = 512;
const METADATA_BYTES = 1024;
const VALUE_BYTES = 25 * 1024 * 1024;
const SHORTEST_TTL = 60;
const LISTED = 1000;
const BULK_KEYS = 100;

const encoder = new TextEncoder();
const now = () => Math.floor(Date.now() / 1000);
const refuse = (status, message) => {
  throw Object.assign(new Error(message), { status });
};

const hex = (text) => [...encoder.encode(text)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const unhex = (text) =>
  new TextDecoder().decode(Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16)));
const wrap = (text) => {
  const bytes = encoder.encode(text);
  return btoa(String.fromCharCode(...bytes));
};
const unwrap = (text) => new TextDecoder().decode(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));

function checkKey(key) {
  if (key === '' || key === '.' || key === '..') refuse(400, `Key name cannot be ${key === '' ? 'empty' : `"${key}"`}.`);
  const length = encoder.encode(key).length;
  if (length > KEY_BYTES) refuse(414, `UTF-8 encoded length of ${length} exceeds key length limit of ${KEY_BYTES}.`);
  return key;
}

function readExpiration(query) {
  const [at, ttl] = [query.get('expiration'), query.get('expiration_ttl')];
  if (ttl !== null) {
    const seconds = Number(ttl);
    if (!Number.isInteger(seconds) || seconds <= 0) {
      refuse(400, `Invalid expiration_ttl of ${ttl}. Please specify integer greater than 0.`);
    }
    if (seconds < SHORTEST_TTL) {
      refuse(400, `Invalid expiration_ttl of ${ttl}. Expiration TTL must be at least ${SHORTEST_TTL}.`);
    }
    return now() + seconds;
  }
  if (at === null) return undefined;
  const seconds = Number(at);
  if (!Number.isInteger(seconds) || seconds <= now()) {
    refuse(400, `Invalid expiration of ${at}. Please specify integer greater than the current number of seconds since the UNIX epoch.`);
  }
  if (seconds < now() + SHORTEST_TTL) {
    refuse(400, `Invalid expiration of ${at}. Expiration times must be at least ${SHORTEST_TTL} seconds in the future.`);
  }
  return seconds;
}

// What an object says of its entry; null where the entry has expired.
function described(response) {
  const expiration = response.headers.get('x-amz-meta-expiration');
  if (expiration !== null && Number(expiration) <= now()) return null;
  const metadata = response.headers.get('x-amz-meta-metadata');
  return {
    expiration: expiration === null ? undefined : Number(expiration),
    metadata: metadata === null ? undefined : unwrap(metadata),
  };
}

async function expect(response, what) {
  if (response.ok) return response;
  throw new Error(`${what}: ${response.status} ${await response.text()}`);
}

async function read(env, key, method = 'GET') {
  const response = await bucket(env, env.BUCKET, { method, path: `/${hex(key)}` });
  if (response.status === 404) return null;
  await expect(response, 'reading from the KV namespace');
  const entry = described(response);
  return entry && { ...entry, response };
}

async function get(env, key) {
  const entry = await read(env, checkKey(key));
  if (!entry) refuse(404, 'Not Found');
  const headers = new Headers();
  if (entry.expiration !== undefined) headers.set('expiration', String(entry.expiration));
  if (entry.metadata !== undefined) headers.set('cf-kv-metadata', entry.metadata);
  return new Response(entry.response.body, { headers });
}

async function getMany(env, { keys, type = 'text', withMetadata = false }) {
  if (type !== 'text' && type !== 'json') refuse(400, `"${type}" is not a valid type. Use "json" or "text"`);
  if (keys.length > BULK_KEYS) refuse(400, `You can request a maximum of ${BULK_KEYS} keys`);
  if (keys.length === 0) refuse(400, 'You must request a minimum of 1 key');
  const entries = await Promise.all(keys.map(async (key) => {
    const entry = await read(env, checkKey(key));
    if (!entry) return [key, null];
    let value = await entry.response.text();
    if (type === 'json') {
      try { value = JSON.parse(value); } catch {
        refuse(400, 'At least one of the requested keys corresponds to a non-json value');
      }
    }
    const metadata = entry.metadata === undefined ? null : JSON.parse(entry.metadata);
    return [key, withMetadata ? { value, metadata } : value];
  }));
  return Response.json(Object.fromEntries(entries));
}

async function put(env, key, request, query) {
  // Whole in memory: a value that is too long, or breaks off, must not become half an entry. First of all: a writer
  // waits until its value is taken, also where it is refused.
  const body = await request.arrayBuffer();
  checkKey(key);
  const expiration = readExpiration(query);
  const metadata = request.headers.get('cf-kv-metadata');
  const headers = {};
  if (expiration !== undefined) headers['x-amz-meta-expiration'] = expiration;
  if (metadata !== null) {
    const length = encoder.encode(metadata).length;
    if (length > METADATA_BYTES) refuse(413, `Metadata length of ${length} exceeds limit of ${METADATA_BYTES}.`);
    headers['x-amz-meta-metadata'] = wrap(metadata);
  }
  if (body.byteLength > VALUE_BYTES) refuse(413, `Value length of ${body.byteLength} exceeds limit of ${VALUE_BYTES}.`);
  const response = await bucket(env, env.BUCKET, { method: 'PUT', path: `/${hex(key)}`, headers, body });
  await expect(response, 'writing to the KV namespace');
  return new Response();
}

async function remove(env, key) {
  const response = await bucket(env, env.BUCKET, { method: 'DELETE', path: `/${hex(checkKey(key))}` });
  if (response.status !== 404) await expect(response, 'deleting from the KV namespace');
  return new Response();
}

async function list(env, query) {
  const limit = Number(query.get('key_count_limit') ?? LISTED);
  if (!Number.isInteger(limit) || limit < 1) {
    refuse(400, `Invalid key_count_limit of ${query.get('key_count_limit')}. Please specify an integer greater than 0.`);
  }
  if (limit > LISTED) refuse(400, `Invalid key_count_limit of ${limit}. Please specify an integer less than ${LISTED}.`);
  const prefix = hex(query.get('prefix') ?? '');
  let after = query.get('cursor') ? hex(unwrap(query.get('cursor'))) : undefined;
  const keys = [];
  for (;;) {
    const wanted = limit - keys.length;
    const response = await bucket(env, env.BUCKET, {
      path: '', query: { 'list-type': 2, prefix, 'max-keys': wanted, 'start-after': after },
    });
    if (response.status === 404) break;
    const text = await (await expect(response, 'listing the KV namespace')).text();
    const found = [...text.matchAll(/<Key>([0-9a-f]+)<\/Key>/g)].map((match) => match[1]);
    const entries = await Promise.all(found.map((key) => read(env, unhex(key), 'HEAD')));
    entries.forEach((entry, index) => {
      if (entry) keys.push({ name: unhex(found[index]), expiration: entry.expiration, metadata: entry.metadata });
    });
    if (!text.includes('<IsTruncated>true</IsTruncated>')) break;
    after = found.at(-1);
    if (keys.length >= limit) {
      const cursor = wrap(unhex(after));
      return Response.json({ keys, list_complete: false, cursor, cacheStatus: null });
    }
  }
  return Response.json({ keys, list_complete: true, cacheStatus: null });
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const path = url.pathname.slice(1);
    try {
      if (request.method === 'POST' && path === 'bulk/get') return await getMany(env, await request.json());
      const key = url.searchParams.get('urlencoded') === null ? path : decodeURIComponent(path);
      switch (request.method) {
        case 'GET': return await (path === '' ? list(env, url.searchParams) : get(env, key));
        case 'PUT': return await put(env, key, request, url.searchParams);
        case 'DELETE': return await remove(env, key);
        default: return new Response('Method Not Allowed', { status: 405 });
      }
    } catch (error) {
      if (!error.status) throw error;
      return new Response(error.message, { status: error.status, statusText: error.message });
    }
  },
};
