// An API over a table: notes that are made, listed, changed and removed.

interface Env {
  DB: D1Database;
}

export default {
  async fetch(request: Request, { DB }: Env): Promise<Response> {
    const id = /^\/notes\/(\d+)$/.exec(new URL(request.url).pathname)?.[1];
    if (id === undefined) return request.method === 'POST' ? add(DB, await request.json()) : list(DB);
    switch (request.method) {
      case 'GET': {
        const note = await DB.prepare('SELECT * FROM notes WHERE id = ?').bind(id).first();
        return note === null ? missing() : Response.json(note);
      }
      case 'PATCH': {
        const { done } = await request.json<{ done: boolean }>();
        const changed = await DB.prepare('UPDATE notes SET done = ? WHERE id = ? RETURNING *').bind(Number(done), id).first();
        return changed === null ? missing() : Response.json(changed);
      }
      case 'DELETE': {
        const { meta } = await DB.prepare('DELETE FROM notes WHERE id = ?').bind(id).run();
        return meta.changes === 0 ? missing() : new Response(null, { status: 204 });
      }
      default:
        return new Response(null, { status: 405, headers: { allow: 'GET, PATCH, DELETE' } });
    }
  },
};

async function add(DB: D1Database, { text }: { text?: string }): Promise<Response> {
  if (!text) return new Response('a note has a text', { status: 400 });
  const note = await DB.prepare('INSERT INTO notes (text) VALUES (?) RETURNING *').bind(text).first();
  return Response.json(note, { status: 201 });
}

async function list(DB: D1Database): Promise<Response> {
  const { results } = await DB.prepare('SELECT * FROM notes ORDER BY id').all();
  return Response.json(results);
}

function missing(): Response {
  return new Response('no such note', { status: 404 });
}
