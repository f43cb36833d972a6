import { Hono } from 'hono';
import { clicks, count, read, write } from './store.ts';

const app = new Hono();

app.put('/:code', async (c) => {
  const [code, url] = [c.req.param('code'), await c.req.text()];
  if (!URL.canParse(url)) return c.text('the body must be a URL', 400);
  await write(code, url);
  return c.json({ code, url }, 201);
});

app.get('/:code', async (c) => {
  const url = await read(c.req.param('code'));
  if (url === undefined) return c.text('no such link', 404);
  await count(c.req.param('code'));
  return c.redirect(url);
});

app.get('/:code/clicks', async (c) => c.json({ clicks: await clicks(c.req.param('code')) }));

Deno.serve(app.fetch);
