// Told of clicks by a queue: an event comes as a POST to `/` with the header `ebb-event`, which no client can send.
import { count } from '../lib/store';

export async function POST(request: Request) {
  if (!request.headers.has('ebb-event')) return new Response('not found', { status: 404 });
  const { Records } = (await request.json()) as { Records: { body: string }[] };
  await Promise.all(Records.map(({ body }) => count(body)));
  return new Response(null, { status: 204 });
}
