// The binding of a worker to a workflow of its own, or of another worker, whose instances are asked by events of its function.
//
// Source: as in workflows.js.

import { decode, encode, error } from 'ebb:rpc';

const ID = /^[a-zA-Z0-9_][a-zA-Z0-9-_]{0,99}$/;
const BATCH = 100;

class Instance {
  #stub;
  constructor(stub, id) {
    this.#stub = stub;
    this.id = id;
  }
  status() { return this.#stub.status(); }
  pause() { return this.#stub.pause(); }
  resume() { return this.#stub.resume(); }
  terminate() { return this.#stub.terminate(); }
  restart() { return this.#stub.restart(); }
  sendEvent({ type, payload }) { return this.#stub.sendEvent({ type, payload }); }
}

// The namespace of another worker's instances, as far as the binding uses one.
class Remote {
  #service;
  constructor(service) { this.#service = service; }
  idFromName(name) { return name; }
  get(instance) {
    const ask = async (method, args) => {
      const body = JSON.stringify({ ebb: 'workflow-call', instance, method, args: args.map(encode) });
      const answer = await (await this.#service.fetch('http://workflows/', { method: 'POST', body })).json();
      if (answer.thrown) throw error(...answer.thrown);
      return decode(answer.value);
    };
    return new Proxy({}, { get: (_, method) => (...args) => ask(method, args) });
  }
}

class Workflow {
  #env;
  constructor(env) { this.#env = env; }

  #stub(id) {
    const { engine, workflow } = this.#env;
    return engine.get(engine.idFromName(`${workflow}/${id}`));
  }

  // Null where there is one of that id already.
  async #made({ id = crypto.randomUUID(), params } = {}) {
    if (!ID.test(id)) throw new Error('instance.invalid_id: an id has up to 100 letters, digits, - and _');
    const stub = this.#stub(id);
    const made = await stub.create({ class: this.#env.class, workflow: this.#env.workflow, id, payload: params });
    return made ? new Instance(stub, id) : null;
  }

  async create(options) {
    const made = await this.#made(options);
    if (made === null) throw new Error('instance.already_exists: there is an instance of this id');
    return made;
  }

  async createBatch(batch) {
    if (batch.length === 0 || batch.length > BATCH) throw new Error(`a batch has 1 to ${BATCH} instances`);
    return (await Promise.all(batch.map((options) => this.#made(options)))).filter((made) => made !== null);
  }

  async get(id) {
    if (!ID.test(id) || !(await this.#stub(id).known())) throw new Error('instance.not_found: there is no instance of this id');
    return new Instance(this.#stub(id), id);
  }
}

export default (env) => new Workflow(env.remote === undefined ? env : { ...env, engine: new Remote(env.remote) });
