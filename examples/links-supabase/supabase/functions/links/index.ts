import { clicks, count, read, write } from '../_shared/store.ts';

async function shorten(code: string, url: string): Promise<Response> {
  if (!URL.canParse(url)) return new Response('the body must be a URL', { status: 400 });
  await write(code, url);
  return Response.json({ code, url }, { status: 201 });
}

async function follow(code: string): Promise<Response> {
  const url = await read(code);
  if (url === undefined) return new Response('no such link', { status: 404 });
  EdgeRuntime.waitUntil(count(code));
  return new Response(null, { status: 302, headers: { location: url } });
}

/** Messages of the queue, and the clock: requests with the header `ebb-event`, which no client can send. */
async function told(event: { Records?: { body: string }[] }): Promise<Response> {
  if (event.Records === undefined) console.log('links are served', new Date().toISOString());
  await Promise.all((event.Records ?? []).map(({ body }) => count(body)));
  return new Response(null, { status: 204 });
}

Deno.serve(async (request) => {
  if (request.headers.has('ebb-event')) return told(await request.json());
  // The function's own name comes first.
  const [, code, rest] = new URL(request.url).pathname.slice(1).split('/');
  if (request.method === 'PUT' && rest === undefined) return shorten(code, await request.text());
  if (request.method === 'GET' && rest === undefined) return follow(code);
  if (request.method === 'GET' && rest === 'clicks') return Response.json({ clicks: await clicks(code) });
  return new Response('not found', { status: 404 });
});
