// The objects of another worker: calls and requests travel as events of its function.
//
// Source: the Durable Objects documentation, "Durable Object namespace", "Durable Object stub" (2026-11).

import { invoke } from './aws.js';

export default {
  // What the binding asks for, and what is answered, are JSON.
  async fetch(request, env) {
    const asked = await request.json();
    return Response.json(await invoke(env, env.FUNCTION, { ...asked, class: env.CLASS }));
  },
};
