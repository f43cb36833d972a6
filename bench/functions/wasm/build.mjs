// Makes `app.wasm` of `main.js`, in the world of `wit/`.
import { componentize } from '@bytecodealliance/componentize-js';
import { readFileSync, writeFileSync } from 'node:fs';

const made = await componentize(readFileSync('main.js', 'utf8'), {
  witPath: 'wit',
  worldName: 'app',
  sourceName: 'main.js',
  disableFeatures: ['fetch-event', 'http'],
});
writeFileSync('app.wasm', made.component);
