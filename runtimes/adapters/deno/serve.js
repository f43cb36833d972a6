// Runs a program of Deno: whatever it serves, it serves on the platform's port; a module that exports `fetch` by default
// is served too. Its key-value store is kept by the platform, whose clock also runs what it has run by `Deno.cron`. Of
// functions of Supabase it is the gateway that verifies tokens, and the runtime that work goes on in after an answer.
//
//   deno run serve.js MODULE
//
// Sources: the Deno manual, "Deno.serve", "deno serve", "Key-Value Database" and "Scheduling"; the Supabase documentation,
// "Edge Functions", "Authorization headers" and "Background tasks" (2026-11).

import { verify } from './token.js';

const port = Number(Deno.env.get('PORT') ?? 8000);
const verifies = take('EBB_VERIFY_JWT') === 'true';
const secret = take('SUPABASE_JWT_SECRET') ?? '';
const serve = Deno.serve;

if (Deno.env.has('SUPABASE_URL')) {
  // What the platform says of where a function runs. Source: "Environment variables", "Hosted environment variables".
  tell('SB_REGION', Deno.env.get('AWS_REGION'));
  tell('SB_EXECUTION_ID', crypto.randomUUID());
  tell('DENO_DEPLOYMENT_ID', Deno.env.get('AWS_LAMBDA_FUNCTION_NAME'));
}

function tell(name, value) {
  if (value !== undefined && !Deno.env.has(name)) Deno.env.set(name, value);
}

/// Work that goes on after its answer.
const going = new Set();

globalThis.EdgeRuntime ??= {
  waitUntil(promise) {
    const work = Promise.resolve(promise).catch((error) => console.error(error)).finally(() => going.delete(work));
    going.add(work);
    return promise;
  },
};

let served = false;
Deno.serve = (...args) => {
  const handler = args.find((arg) => typeof arg === 'function') ?? args.find((arg) => typeof arg?.handler === 'function')?.handler;
  const options = args.find((arg) => typeof arg === 'object' && arg !== null) ?? {};
  if (handler === undefined) throw new TypeError('Deno.serve was given no handler');
  served = true;
  const { path, ...kept } = options;
  return serve({
    onListen() {},
    onError: failed,
    ...kept,
    port,
    hostname: '0.0.0.0',
    handler: (request, info) => answer(request, info, handler),
  });
};

const openKv = Deno.openKv;
provide('openKv', (path = '/var/state/kv.sqlite3') => openKv.call(Deno, path));

/// What runs by the clock, by name.
const crons = new Map();
provide('cron', (name, _schedule, ...rest) => {
  crons.set(name, rest.find((one) => typeof one === 'function'));
  return new Promise(() => {});
});

const module = await import(new URL(Deno.args[0], `file://${Deno.cwd()}/`).href);
const exported = module.default;
if (!served && typeof exported?.fetch === 'function') Deno.serve((request, info) => exported.fetch(request, info));
else if (!served && typeof exported === 'function') Deno.serve(exported);

async function answer(request, info, handler) {
  if (request.headers.get('ebb-event') === 'settled') {
    // What was begun meanwhile is waited for too.
    while (going.size > 0) await Promise.all(going);
    return new Response(null, { status: 204 });
  }
  if (request.headers.has('ebb-event')) {
    const { ebb, name } = await request.clone().json().catch(() => ({}));
    if (ebb === 'cron') {
      if (!crons.has(name)) throw new Error(`there is no Deno.cron of the name ${name}`);
      await crons.get(name)();
      return new Response(null, { status: 204 });
    }
    // The platform itself has no token.
    return handler(request, info);
  }
  // A preflight has no token. Source: the platform's own gateway.
  if (verifies && request.method !== 'OPTIONS') {
    const refused = await verify(request.headers.get('authorization'), secret);
    if (refused !== null) return Response.json({ code: 401, message: refused, msg: refused }, { status: 401 });
  }
  return handler(request, info);
}

/// Puts something of ours in the place of what Deno has, and may not let anyone assign to.
function provide(name, value) {
  Object.defineProperty(Deno, name, { value, configurable: true, enumerable: true, writable: true });
}

function failed(error) {
  // The text of an error is for the log, never for the public.
  console.error(error);
  return new Response('Internal Server Error', { status: 500 });
}

/// A variable that is the platform's business.
function take(name) {
  const value = Deno.env.get(name);
  Deno.env.delete(name);
  return value;
}
