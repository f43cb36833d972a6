// What old programs import of the standard library's http/server.ts, on the server that Deno has itself.

export function serve(handler, options = {}) {
  return Deno.serve(options, handler).finished;
}

export const DEFAULT_PORT = 8000;
