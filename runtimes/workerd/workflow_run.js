// Runs workflows of the worker: a run goes from the start to where nothing is left to do but wait, and is given up there.
//
// Source: as in workflows.js, which keeps what steps gave.

import { WorkerEntrypoint } from 'cloudflare:workers';
import { NonRetryableError } from 'cloudflare:workflows';

const UNITS = {
  second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000, month: 2_592_000_000, year: 31_536_000_000,
};
const DEFAULTS = { retries: { limit: 5, delay: 10_000, backoff: 'exponential' }, timeout: '10 minutes' };

// Milliseconds of a number of them, or of a text as `5 minutes`.
function milliseconds(duration) {
  if (typeof duration === 'number') return duration;
  const [, count, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+?)s?\s*$/i.exec(String(duration)) ?? [];
  const each = UNITS[unit?.toLowerCase()];
  if (each === undefined) throw new TypeError(`${JSON.stringify(duration)} is no duration, as "5 minutes" is one`);
  return Number(count) * each;
}

function delayOf({ delay, backoff }, attempt) {
  const first = milliseconds(delay);
  if (backoff === 'constant') return first;
  return backoff === 'linear' ? first * attempt : first * 2 ** (attempt - 1);
}

const described = (error) => ({ name: error?.name ?? 'Error', message: error?.message ?? String(error) });

async function within(duration, work) {
  const limit = milliseconds(duration);
  let timer;
  const late = new Promise((_, reject) => {
    const said = Object.assign(new Error(`Execution timed out after ${limit}ms`), { name: 'WorkflowTimeoutError' });
    timer = setTimeout(() => reject(said), Math.min(limit, 2 ** 31 - 1));
  });
  try { return await Promise.race([work(), late]); } finally { clearTimeout(timer); }
}

const never = () => new Promise(() => {});

// What workflows call `step`.
class Step {
  #journal;
  #counts = new Map();
  // Steps that do something, and when the first of those that wait goes on.
  #active = 0;
  #until = Infinity;
  #waits = false;
  #stopped;
  constructor(journal) {
    this.#journal = journal;
    // When the run is over without an end: `until` says when there is something to do again.
    this.stopped = new Promise((resolve) => { this.#stopped = resolve; });
  }

  do(name, ...rest) {
    const callback = rest.pop();
    const config = { ...DEFAULTS, ...rest[0], retries: { ...DEFAULTS.retries, ...rest[0]?.retries } };
    return this.#step(name, async (key, kept, count) => {
      let { attempt = 0, at = 0 } = kept ?? {};
      for (;;) {
        await this.#wait(at);
        attempt++;
        try {
          const value = await within(config.timeout, async () => callback({ step: { name, count }, attempt, config }));
          await this.#journal.write(key, { done: true, value });
          return value;
        } catch (error) {
          if (error instanceof NonRetryableError || error?.name === 'NonRetryableError' || attempt > config.retries.limit) {
            await this.#journal.write(key, { done: true, error: described(error) });
            throw error;
          }
          at = Date.now() + delayOf(config.retries, attempt);
          await this.#journal.write(key, { attempt, at });
        }
      }
    });
  }

  sleep(name, duration) {
    return this.#sleep(name, () => Date.now() + milliseconds(duration));
  }

  sleepUntil(name, time) {
    return this.#sleep(name, () => Number(time));
  }

  #sleep(name, end) {
    return this.#step(name, async (key, kept) => {
      const until = kept?.until ?? end();
      if (kept === undefined) await this.#journal.write(key, { until });
      await this.#wait(until);
      await this.#journal.write(key, { done: true });
    });
  }

  waitForEvent(name, { type, timeout = '24 hours' }) {
    return this.#step(name, async (key, kept) => {
      const until = kept?.until ?? Date.now() + milliseconds(timeout);
      const taken = await this.#journal.take(key, type);
      if (taken !== undefined) return taken.event;
      if (Date.now() >= until) {
        const error = { name: 'WorkflowTimeoutError', message: `Execution timed out after ${timeout}` };
        await this.#journal.write(key, { done: true, error });
        throw Object.assign(new Error(error.message), error);
      }
      if (kept === undefined) await this.#journal.write(key, { until });
      return this.#wait(until);
    });
  }

  // Does a step that is not done yet. Steps of one name are told apart by their order.
  async #step(name, work) {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    const key = `${name}-${count}`;
    this.#active++;
    try {
      const read = await this.#journal.read(key);
      // Somebody paused or ended the instance.
      if (read === undefined) return await this.#wait(Infinity);
      const { kept } = read;
      if (kept?.done && kept.error) throw Object.assign(new Error(kept.error.message), { name: kept.error.name });
      return kept?.done ? kept.value : await work(key, kept, count);
    } finally {
      this.#active--;
      this.#look();
    }
  }

  // Returns once the time has come, which is in another run.
  #wait(until) {
    if (until <= Date.now()) return undefined;
    this.#active--;
    this.#waits = true;
    this.#until = Math.min(this.#until, until);
    this.#look();
    return never();
  }

  // Gives the run up where all steps wait and the workflow has not begun another by then.
  async #look() {
    if (!this.#waits) return;
    await scheduler.wait(1);
    if (this.#active === 0) this.#stopped({ until: this.#until });
  }
}

export const runner = (worker) => class extends WorkerEntrypoint {
  // Gives the workflow's output, its error, or when it goes on.
  async run(name, event, journal) {
    const step = new Step(journal);
    const work = async () => {
      if (typeof worker[name] !== 'function') throw new TypeError(`the worker exports no class ${name}`);
      return new worker[name](this.ctx, this.env).run(event, step);
    };
    const ended = work().then((output) => ({ output }), (error) => {
      console.error(error);
      return { error: described(error) };
    });
    return Promise.race([ended, step.stopped]);
  }
};
