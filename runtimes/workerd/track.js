// Counts what a worker still has to do after it has answered, so that its process is not frozen before that is done.

import { WorkerEntrypoint } from 'cloudflare:workers';

// How long work may go on after the answer. Source: the Workers documentation, "Context", `waitUntil`.
const LONGEST = 30_000;
const PERIOD = 10;

let pending = 0;

function track(ctx) {
  const waitUntil = ctx.waitUntil.bind(ctx);
  ctx.waitUntil = (promise) => {
    pending++;
    const ended = () => { pending--; };
    Promise.resolve(promise).then(ended, ended);
    waitUntil(promise);
  };
  return ctx;
}

// What is thrown is in the log with its stack: outside of the worker only its text is known.
async function logged(work) {
  try {
    return await work();
  } catch (error) {
    console.error(error);
    throw error;
  }
}

export function tracked(worker) {
  if (worker === undefined || worker === null) return worker;
  if (typeof worker === 'function') {
    // A class of the platform's own: it gets its context when it is made.
    return class extends worker {
      constructor(ctx, env) { super(track(ctx), env); }
      fetch(request) { return logged(() => super.fetch(request)); }
    };
  }
  const handlers = {};
  for (const [name, handler] of Object.entries(worker)) {
    handlers[name] = typeof handler !== 'function'
      ? handler
      : (argument, env, ctx) => logged(() => handler.call(worker, argument, env, track(ctx)));
  }
  return handlers;
}

// Waits until nothing goes on, and says so.
export async function settled() {
  const end = Date.now() + LONGEST;
  while (pending > 0 && Date.now() < end) await scheduler.wait(PERIOD);
  return new Response(String(pending));
}

export class ebbTrack extends WorkerEntrypoint {
  fetch() { return settled(); }
}

// Calls one of the worker's entry points by its name, for workers that are bound to it.
export const caller = (worker) => class extends WorkerEntrypoint {
  async call(entrypoint, method, args) {
    const found = worker[entrypoint];
    const target = typeof found === 'function' ? new found(track(this.ctx), this.env) : found;
    if (typeof target?.[method] !== 'function') {
      throw new TypeError(`The RPC receiver does not implement the method "${method}".`);
    }
    // What is no class is handlers, which get what handlers get.
    return target === found ? target[method](...args, this.env, track(this.ctx)) : target[method](...args);
  }
};
