import { Store } from 'fermyon:spin/key-value@2.0.0';

function read(store, key) {
  const bytes = store.get(key);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

function isUrl(text) {
  try { return Boolean(new URL(text)); } catch { return false; }
}

async function shorten(store, code, request) {
  const url = await request.text();
  if (!isUrl(url)) return new Response('the body must be a URL', { status: 400 });
  store.set(`links/${code}`, new TextEncoder().encode(url));
  return Response.json({ code, url }, { status: 201 });
}

function follow(store, code) {
  const url = read(store, `links/${code}`);
  if (url === undefined) return new Response('no such link', { status: 404 });
  // Each click is an entry: none is lost where two are counted at once.
  store.set(`clicks/${code}/${crypto.randomUUID()}`, new Uint8Array());
  return new Response(null, { status: 302, headers: { location: url } });
}

function clicks(store, code) {
  const own = store.getKeys().filter((key) => key.startsWith(`clicks/${code}/`));
  return Response.json({ clicks: own.length });
}

// Messages of the queue, and the clock: requests with the header `ebb-event`, which no client can send.
async function told(store, request) {
  const { Records } = await request.json();
  if (Records === undefined) console.log('links are served');
  for (const { body } of Records ?? []) store.set(`clicks/${body}/${crypto.randomUUID()}`, new Uint8Array());
  return new Response(null, { status: 204 });
}

async function handle(request) {
  const [code, rest] = new URL(request.url).pathname.slice(1).split('/');
  const store = Store.open('default');
  if (request.headers.has('ebb-event')) return told(store, request);
  if (request.method === 'PUT' && rest === undefined) return shorten(store, code, request);
  if (request.method === 'GET' && rest === undefined) return follow(store, code);
  if (request.method === 'GET' && rest === 'clicks') return clicks(store, code);
  return new Response('not found', { status: 404 });
}

addEventListener('fetch', (event) => event.respondWith(handle(event.request)));
