// Bindings that need no service behind them: rate limits are counted in the isolate, data points go to the log, and a
// version knows what it is.
//
// Source: the Workers documentation, "Rate Limiting", "Workers Analytics Engine" and "Version metadata" (2026-11). There, too, a limit is one
// of a place, not of the whole network.

class RateLimit {
  #counts = new Map();
  #limit;
  #period;
  constructor(limit, seconds) {
    this.#limit = limit;
    this.#period = seconds * 1000;
  }
  async limit({ key }) {
    const window = Math.floor(Date.now() / this.#period);
    const found = this.#counts.get(key);
    const count = found?.window === window ? found.count + 1 : 1;
    if (this.#counts.size > 10_000) this.#counts.clear();
    this.#counts.set(key, { window, count });
    return { success: count <= this.#limit };
  }
}

class Dataset {
  #name;
  constructor(name) { this.#name = name; }
  writeDataPoint({ indexes = [], blobs = [], doubles = [] } = {}) {
    console.log(JSON.stringify({ dataset: this.#name, indexes, blobs, doubles }));
  }
}

export default (env) => {
  // No deploy of ebb's has a tag.
  if (env.version !== undefined) return { id: env.version, tag: '', timestamp: env.timestamp };
  return env.dataset === undefined ? new RateLimit(Number(env.limit), Number(env.period)) : new Dataset(env.dataset);
};
