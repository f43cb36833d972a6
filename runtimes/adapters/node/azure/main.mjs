// Serves an app of Azure Functions: loads its modules, which register its functions, and takes requests and events.
//
// Source: the Azure Functions documentation, "Node.js developer reference", model v4 (2026-11).
//
//   node main.mjs                 serves on $PORT
//   node main.mjs index FILE      writes what the app registered into FILE, and ends

import { writeFileSync } from 'node:fs';
import { host, loadApp, registered, runHooks } from './app.mjs';
import { serve } from './http.mjs';

const [mode, file] = process.argv.slice(2);
await loadApp();
if (mode === 'index') {
  const functions = registered().map(({ metadata }) => ({
    name: metadata.name,
    bindings: Object.entries(metadata.bindings).map(([name, binding]) => ({ ...binding, name })),
    retry: metadata.retryOptions ?? null,
  }));
  writeFileSync(file, JSON.stringify(functions));
  process.exit(0);
}
const { HttpUri } = (await globalThis[Symbol.for('ebb.azure')].model?.getCapabilities({})) ?? {};
await runHooks('appStart', {});
process.on('SIGTERM', () => runHooks('appTerminate', {}).finally(() => process.exit(0)));
serve(Number(process.env.PORT ?? 8080), host, HttpUri);
