// Loads a module of settings and writes down what it says, as JSON: `MODULE ARGUMENTS OUTPUT`.

import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [module, given, output] = process.argv.slice(2);

/// What a value comes to: functions without parameters are called, promises awaited.
async function settled(value, depth = 0) {
  const found = await value;
  if (typeof found === 'function') return found.length === 0 && depth < 3 ? settled(await found(), depth + 1) : undefined;
  if (typeof found !== 'object' || found === null || depth > 32) return found;
  if (Array.isArray(found)) return Promise.all(found.map((one) => settled(one, depth + 1)));
  if (Object.getPrototypeOf(found) !== Object.prototype && Object.getPrototypeOf(found) !== null) return undefined;
  const members = await Promise.all(Object.entries(found).map(async ([name, one]) => [name, await settled(one, depth + 1)]));
  return Object.fromEntries(members);
}

const loaded = await import(pathToFileURL(module).href);
let value = loaded.default?.default ?? loaded.default ?? { ...loaded };
if (typeof value === 'function') value = await value(...JSON.parse(given));
writeFileSync(output, JSON.stringify((await settled(value)) ?? null));
process.exit(0);
