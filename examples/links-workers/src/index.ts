interface Env {
  LINKS: KVNamespace;
  CLICKS: Queue<string>;
}

async function shorten(code: string, request: Request, env: Env): Promise<Response> {
  const url = await request.text();
  if (!URL.canParse(url)) return new Response('the body must be a URL', { status: 400 });
  await env.LINKS.put(`links/${code}`, url);
  return Response.json({ code, url }, { status: 201 });
}

async function follow(code: string, env: Env): Promise<Response> {
  const url = await env.LINKS.get(`links/${code}`);
  if (url === null) return new Response('no such link', { status: 404 });
  await env.CLICKS.send(code, { contentType: 'text' });
  return new Response(null, { status: 302, headers: { location: url } });
}

// Each click is an entry: none is lost where two are counted at once, and none counts twice.
async function clicks(code: string, env: Env): Promise<Response> {
  const { keys } = await env.LINKS.list({ prefix: `clicks/${code}/` });
  return Response.json({ clicks: keys.length });
}

export default {
  async fetch(request, env) {
    const [code, rest] = new URL(request.url).pathname.slice(1).split('/');
    if (request.method === 'PUT' && rest === undefined) return shorten(code, request, env);
    if (request.method === 'GET' && rest === undefined) return follow(code, env);
    if (request.method === 'GET' && rest === 'clicks') return clicks(code, env);
    return new Response('not found', { status: 404 });
  },

  async queue(batch, env) {
    for (const { id, body } of batch.messages) await env.LINKS.put(`clicks/${body}/${id}`, '');
  },

  async scheduled(controller) {
    console.log('links are served', new Date(controller.scheduledTime).toISOString());
  },
} satisfies ExportedHandler<Env, string>;
