// The namespace of another worker's objects, as that worker's own would be.
//
// Source: as in objects.js. Ids of names are told from others by a prefix: only the other worker can make its own.

import { decode, decodeBytes, encode, encodeBytes, error } from 'ebb:rpc';

const NAMED = 'name:';
const NULL_BODY = new Set([101, 204, 205, 304]);

class Id {
  constructor(text) {
    this.text = text;
    if (text.startsWith(NAMED)) this.name = decodeURIComponent(text.slice(NAMED.length));
  }
  toString() { return this.text; }
  equals(other) { return String(other) === this.text; }
}

function stub(service, id) {
  const ask = async (asked) => {
    const response = await service.fetch('http://objects/', { method: 'POST', body: JSON.stringify({ ...asked, id: String(id) }) });
    const answer = await response.json();
    if (answer.thrown) throw error(...answer.thrown);
    return answer;
  };
  const own = {
    id,
    name: id.name,
    async fetch(input, init) {
      const request = new Request(input, init);
      if (request.headers.get('upgrade') === 'websocket') {
        throw new TypeError('ebb carries no WebSockets to the objects of another worker yet');
      }
      const body = request.body === null ? null : encodeBytes(await request.arrayBuffer());
      const { method, url, headers, redirect } = request;
      const answer = await ask({ ebb: 'object-fetch', request: { method, url, headers: [...headers], body, redirect } });
      const content = NULL_BODY.has(answer.status) ? null : decodeBytes(answer.body);
      return new Response(content, { status: answer.status, statusText: answer.statusText, headers: answer.headers });
    },
  };
  return new Proxy(own, {
    get(target, name) {
      if (typeof name !== 'string' || name in target || name === 'then') return target[name];
      return async (...args) => decode((await ask({ ebb: 'object-call', method: name, args: args.map(encode) })).value);
    },
  });
}

class Namespace {
  #service;
  constructor(service) { this.#service = service; }
  idFromName(name) { return new Id(NAMED + encodeURIComponent(name)); }
  idFromString(text) { return new Id(text); }
  newUniqueId() { return this.idFromName(crypto.randomUUID()); }
  get(id) { return stub(this.#service, id); }
  getByName(name) { return this.get(this.idFromName(name)); }
  jurisdiction() { return this; }
}

export default (env) => new Namespace(env.service);
