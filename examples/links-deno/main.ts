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

// Messages of the queue, and the clock: requests with the header `ebb-event`, which no client can send.
app.post('/', async (c) => {
  if (c.req.header('ebb-event') === undefined) return c.text('not found', 404);
  const { Records } = await c.req.json<{ Records?: { body: string }[] }>();
  if (Records === undefined) console.log('links are served', new Date().toISOString());
  await Promise.all((Records ?? []).map(({ body }) => count(body)));
  return c.body(null, 204);
});

Deno.serve(app.fetch);
