// Workers in the older syntax: they listen for events and find their bindings among the globals.
//
// Source: the Workers documentation, "Migrate from Service Workers to ES Modules" (2026-11).

import { env } from 'cloudflare:workers';

for (const [name, value] of Object.entries(env)) globalThis[name] ??= value;

const listeners = new Map();
globalThis.addEventListener = (type, listener) => {
  listeners.set(type, [...(listeners.get(type) ?? []), listener]);
};

// Tells the listeners of an event; gives what one responds with.
async function dispatch(type, event, ctx) {
  let response;
  let passes = false;
  const told = {
    ...event,
    type,
    waitUntil: (promise) => ctx.waitUntil(promise),
    passThroughOnException() { passes = true; },
    respondWith(promise) { response = Promise.resolve(promise); },
  };
  try {
    for (const listener of listeners.get(type) ?? []) {
      listener(told);
      if (response !== undefined) break;
    }
    return await response;
  } catch (error) {
    if (!passes) throw error;
    console.error(error);
    return undefined;
  }
}

export const handlers = {
  async fetch(request, _, ctx) {
    return (await dispatch('fetch', { request }, ctx)) ?? fetch(request);
  },
  async scheduled(controller, _, ctx) {
    await dispatch('scheduled', { cron: controller.cron, scheduledTime: controller.scheduledTime }, ctx);
  },
};
