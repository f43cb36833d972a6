// The app: its settings, its modules, its functions and its hooks.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { matcher } from './glob.mjs';

const require = createRequire(import.meta.url);
require('./core.cjs');
const state = globalThis[Symbol.for('ebb.azure')];

/// The app's folder.
export const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

/// host.json.
export const host = existsSync(path.join(root, 'host.json')) ? readJson(path.join(root, 'host.json')) : {};

/// What hooks of the whole app share.
const appHookData = {};

/// The functions, as they were registered.
export const registered = () => [...state.functions.values()];

/// The binding that makes a function run.
export const triggerOf = ({ metadata }) =>
  Object.entries(metadata.bindings).map(([name, binding]) => ({ ...binding, name })).find(({ type }) => /trigger$/i.test(type));

/// A value with `%SETTING%` in it.
export const setting = (text) => String(text).replace(/%([^%]+)%/g, (whole, name) => process.env[name] ?? whole);

state.log = (level, category, message) => log(level, category, message);

/// Loads the modules that `main` of the package.json names.
export async function loadApp() {
  process.chdir(root);
  const manifest = existsSync(path.join(root, 'package.json')) ? readJson(path.join(root, 'package.json')) : {};
  const files = modules(manifest.main ?? 'index.js');
  if (files.length === 0) throw new Error(`no file is what "main" of package.json says: ${manifest.main}`);
  for (const file of files) await import(pathToFileURL(file).href);
}

function modules(main) {
  const plain = path.join(root, main);
  for (const file of [plain, `${plain}.js`, path.join(plain, 'index.js')]) {
    if (existsSync(file) && /\.[cm]?js$/.test(file)) return [file];
  }
  const matches = matcher(main.replace(/^\.\//, ''));
  return walk(root, '').filter((file) => matches(file)).map((file) => path.join(root, file));
}

function walk(folder, prefix) {
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
    const name = prefix + entry.name;
    if (entry.isDirectory()) found.push(...walk(path.join(folder, entry.name), `${name}/`));
    else found.push(name);
  }
  return found;
}

/// Runs hooks one after the other; they share what they put into `hookData`.
export async function runHooks(name, context) {
  const shared = Object.assign(context, { hookData: context.hookData ?? {}, appHookData });
  for (const hook of state.hooks[name] ?? []) await hook(shared);
  return shared;
}

const LEVELS = ['trace', 'debug', 'information', 'warning', 'error', 'critical', 'none'];
const STREAMS = { warning: console.warn, error: console.error, critical: console.error };

/// Writes a line of the app's log, where its level is one that host.json lets through.
export function log(level, category, message, invocation) {
  const shown = { level, message, category, invocationContext: invocation?.context, hookData: {}, appHookData };
  for (const hook of state.hooks.log ?? []) hook(shown);
  if (shown.level === 'none' || LEVELS.indexOf(shown.level) < threshold(category, invocation?.name)) return;
  (STREAMS[shown.level] ?? console.log)(format('%s', shown.message));
}

/// The least level that is shown of a category. Source: "Configure monitoring", "Configure log levels".
function threshold(category, name) {
  // The worker's own words are for its makers.
  if (category === 'system') return LEVELS.indexOf('warning');
  const levels = host.logging?.logLevel ?? {};
  const names = [`Function.${name}.User`, `Function.${name}`, 'Function', 'default', 'Default'];
  const said = names.map((one) => levels[one]).find((one) => one !== undefined);
  return Math.max(0, LEVELS.indexOf(String(said ?? 'information').toLowerCase()));
}

function readJson(file) {
  // Comments and a byte order mark are allowed in these files.
  const text = readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(text.replace(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, string) => string ?? ''));
  }
}
