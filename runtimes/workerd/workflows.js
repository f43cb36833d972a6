// The instances of workflows: each is a Durable Object that keeps what its steps gave, and has the worker run it from the
// start whenever it has something to do; what was done before is not done again.
//
// Source: the Workflows documentation, "Workers API", "Events and parameters", "Sleeping and retrying" (2026-11).

import { DurableObject, RpcTarget } from 'cloudflare:workers';

const ENDED = new Set(['complete', 'errored', 'terminated']);
// What names of steps and events are kept under, so that they can be dropped together.
const STEP = 'step:';
const EVENT = 'event:';

// How often in a row runs may break off, as they do where the worker's process ends.
const BREAKS = 5;

// What one run reads and writes. Once another run has the instance, or nobody wants this one to go on, it is told to stop.
class Journal extends RpcTarget {
  #storage;
  #status;
  constructor(storage, status) {
    super();
    this.#storage = storage;
    // Of the instance, while this run has it.
    this.#status = status;
  }

  async #goesOn() { return (await this.#status()) === 'running'; }

  // What is kept of a step; nothing where the run is to stop.
  async read(step) {
    return (await this.#goesOn()) ? { kept: await this.#storage.get(STEP + step) } : undefined;
  }

  // What a step gave is kept also where the instance is to pause: it was done.
  async write(step, record) {
    if (['running', 'waitingForPause'].includes(await this.#status())) await this.#storage.put(STEP + step, record);
  }

  // Gives the oldest event of a type to a step that waits for it.
  async take(step, type) {
    const [[key, event] = []] = await this.#storage.list({ prefix: `${EVENT}${encodeURIComponent(type)}:`, limit: 1 });
    if (event === undefined || !(await this.#goesOn())) return undefined;
    this.#storage.delete(key);
    this.#storage.put(STEP + step, { done: true, value: event });
    return { event };
  }
}

export class Instance extends DurableObject {
  // Counts the runs: the last one has the instance.
  #run = 0;
  #running = false;
  // Whether something came that a run may have looked for in vain.
  #again = false;

  async create(given) {
    const { storage } = this.ctx;
    if ((await this.#instance()) !== undefined) return false;
    await storage.put('instance', { ...given, timestamp: new Date(), status: 'queued' });
    await storage.setAlarm(Date.now());
    return true;
  }

  async known() { return (await this.#instance()) !== undefined; }

  async status() {
    const { status, output, error } = await this.#found();
    if (status === 'complete') return { status, output };
    return error === undefined ? { status } : { status, error };
  }

  async pause() {
    const { status } = await this.#found();
    if (ENDED.has(status)) throw new Error(`the instance is ${status}`);
    if (status !== 'paused') await this.#update({ status: this.#running ? 'waitingForPause' : 'paused' });
  }

  async resume() {
    const { status } = await this.#found();
    if (status !== 'paused' && status !== 'waitingForPause') throw new Error(`the instance is ${status}, not paused`);
    await this.#update({ status: 'running' });
    await this.#wake();
  }

  async terminate() {
    const { status } = await this.#found();
    if (ENDED.has(status)) throw new Error(`the instance is ${status}`);
    await this.#update({ status: 'terminated' });
    await this.ctx.storage.deleteAlarm();
  }

  async restart() {
    const { storage } = this.ctx;
    const { output, error, ...instance } = await this.#found();
    this.#run++;
    for (const prefix of [STEP, EVENT]) await storage.delete([...(await storage.list({ prefix })).keys()]);
    await storage.put('instance', { ...instance, status: 'queued' });
    await this.#wake();
  }

  async sendEvent({ type, payload }) {
    const { status, events = 0 } = await this.#found();
    if (ENDED.has(status)) throw new Error(`the instance is ${status}, and takes no events`);
    await this.#update({ events: events + 1 });
    const key = `${EVENT}${encodeURIComponent(type)}:${String(events).padStart(9, '0')}`;
    await this.ctx.storage.put(key, { payload, timestamp: new Date(), type });
    if (status !== 'paused') await this.#wake();
  }

  async alarm() {
    const instance = await this.#instance();
    if (instance === undefined || ENDED.has(instance.status) || instance.status === 'paused') return;
    await this.#update({ status: 'running' });
    this.#running = true;
    this.#again = false;
    const run = ++this.#run;
    const status = async () => (run === this.#run ? (await this.#instance()).status : undefined);
    try {
      const { class: name, id, payload, timestamp } = instance;
      const event = { payload, timestamp, instanceId: id, workflowName: instance.workflow };
      await this.#ended(run, await this.env.RUN.run(name, event, new Journal(this.ctx.storage, status)));
    } catch (error) {
      // The run broke off, not the workflow: the worker's process ended, or is about to.
      await this.#broke(run, { name: error.name, message: error.message });
    } finally {
      this.#running = false;
    }
  }

  // Has it run again, after a while that doubles.
  async #broke(run, error) {
    const { breaks = 0 } = await this.#found();
    if (breaks === BREAKS) return this.#ended(run, { error });
    if (run !== this.#run) return;
    await this.#update({ breaks: breaks + 1 });
    await this.ctx.storage.setAlarm(Date.now() + 1000 * 2 ** breaks);
  }

  async #ended(run, { output, error, until }) {
    const { status } = await this.#instance();
    if (run !== this.#run || ENDED.has(status)) return;
    await this.#update({ breaks: 0 });
    if (error !== undefined) return this.#update({ status: 'errored', error });
    if (until === undefined && status === 'running') return this.#update({ status: 'complete', output });
    if (status === 'waitingForPause') return this.#update({ status: 'paused' });
    await this.#update({ status: 'waiting' });
    await this.ctx.storage.setAlarm(this.#again ? Date.now() : until);
  }

  // Has the instance run soon. While it runs it is looked at again when it stops.
  async #wake() {
    if (this.#running) this.#again = true;
    await this.ctx.storage.setAlarm(Date.now());
  }

  #instance() { return this.ctx.storage.get('instance'); }

  async #found() {
    const instance = await this.#instance();
    if (instance === undefined) throw new Error('there is no such instance');
    return instance;
  }

  async #update(changes) {
    await this.ctx.storage.put('instance', { ...(await this.#found()), ...changes });
  }
}

export default { fetch: () => new Response('Not Found', { status: 404 }) };
