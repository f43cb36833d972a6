// Another worker: its requests and calls travel as events of its function.
//
// Source: the Workers documentation, "Service bindings", "HTTP" and "RPC" (2026-11).

import { WorkerEntrypoint } from 'cloudflare:workers';
import { invoke } from './aws.js';
import { decode, decodeBytes, encode, encodeBytes, error } from './rpc.js';

const NULL_BODY = new Set([101, 204, 205, 304]);

async function send(env, event) {
  const answer = await invoke(env, env.FUNCTION, { ...event, entrypoint: env.ENTRYPOINT ?? 'default' });
  if (answer.thrown) throw error(...answer.thrown);
  return answer;
}

async function pass(env, request) {
  const body = request.body === null ? null : encodeBytes(await request.arrayBuffer());
  const { method, url, headers } = request;
  const answer = await send(env, { ebb: 'fetch', request: { method, url, headers: [...headers], body, redirect: request.redirect } });
  const content = NULL_BODY.has(answer.status) ? null : decodeBytes(answer.body);
  return new Response(content, { status: answer.status, statusText: answer.statusText, headers: answer.headers });
}

async function call(env, method, args) {
  return decode((await send(env, { ebb: 'call', method, args: args.map(encode) })).value);
}

// Of a method that nobody knows here the other worker knows.
class Service extends WorkerEntrypoint {
  fetch(request) { return pass(this.env, request); }
}
Object.setPrototypeOf(Service.prototype, new Proxy(WorkerEntrypoint.prototype, {
  get(target, name, receiver) {
    if (typeof name !== 'string' || name in target || name === 'then') return Reflect.get(target, name, receiver);
    return function (...args) { return call(this.env, name, args); };
  },
}));

export default Service;
