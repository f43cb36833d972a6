import { waitUntil } from '@vercel/functions';
import { count, read, write } from '../lib/store.js';

const codeOf = (request) => new URL(request.url).searchParams.get('code');

export async function PUT(request) {
  const [code, url] = [codeOf(request), await request.text()];
  if (!URL.canParse(url)) return new Response('the body must be a URL', { status: 400 });
  await write(code, url);
  return Response.json({ code, url }, { status: 201 });
}

export async function GET(request) {
  const code = codeOf(request);
  const url = await read(code);
  if (url === undefined) return new Response('no such link', { status: 404 });
  waitUntil(count(code));
  return new Response(null, { status: 302, headers: { location: url } });
}
