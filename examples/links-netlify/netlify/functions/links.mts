import type { Config, Context } from '@netlify/functions';
import { clicks, count, read, write } from '../../lib/store.mts';

export default async (request: Request, context: Context) => {
  const { code } = context.params;
  if (new URL(request.url).pathname.endsWith('/clicks')) return Response.json({ clicks: await clicks(code) });
  return request.method === 'PUT' ? shorten(code, await request.text()) : follow(code, context);
};

async function shorten(code: string, url: string): Promise<Response> {
  if (!URL.canParse(url)) return new Response('the body must be a URL', { status: 400 });
  await write(code, url);
  return Response.json({ code, url }, { status: 201 });
}

async function follow(code: string, context: Context): Promise<Response> {
  const url = await read(code);
  if (url === undefined) return new Response('no such link', { status: 404 });
  context.waitUntil(count(code));
  return new Response(null, { status: 302, headers: { location: url } });
}

export const config: Config = { path: ['/:code', '/:code/clicks'], method: ['GET', 'PUT'] };
