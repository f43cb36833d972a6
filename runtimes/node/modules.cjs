'use strict';
// What Node's own module loader lacks for functions: types stripped from TypeScript where it does not do that itself,
// and packages on NODE_PATH (the SDK, layers) for `import`, which only looks into node_modules folders.
//
// Both cost nothing where they are not needed. Used on the main thread, and on the loader's thread by hooks.mjs.

const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');

const TYPED = /\.[mc]?ts$/;
const IMPORTS = /\b(?:import|export)\b[^'"();]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g;
const MAX_FILES_SCANNED = 500;
const ES_SYNTAX = /import statement|Unexpected token 'export'|import\.meta|await is only valid|reserved word/;

let hooked = false;
let typesHooked = false;

/// Whether the file has to be loaded by `import`.
function requiresImport(file) {
  if (TYPED.test(file)) return typedFormat(file) === 'module';
  if (file.endsWith('.mjs')) return true;
  return file.endsWith('.js') && packageType(path.dirname(file)) === 'module';
}

/// Makes `import` of and in this file work: call it first. Costs a thread on Node before 22.15, where it is needed at all.
function prepareImport(file) {
  const typed = TYPED.test(file);
  const strips = typed && !stripsTypes();
  if (hooked || (!typed && searchPath().length === 0)) return;
  if (typeof Module.registerHooks === 'function') {
    Module.registerHooks({ resolve: resolveSync, ...(strips && { load: loadSync }) });
  } else if (typeof Module.register === 'function') {
    if (!strips && !importsFromSearchPath(file)) return;
    Module.register(pathToFileURL(path.join(__dirname, 'hooks.mjs')).href, { data: { strips } });
  }
  hooked = true;
}

/// The same for a file that is loaded by `require` and may call `import()`.
function prepareRequire(file) {
  if (searchPath().length > 0 && fs.readFileSync(file, 'utf8').includes('import(')) prepareImport(file);
}

/// `commonjs` or `module`. Has `require` understand TypeScript from now on.
function typedFormat(file) {
  if (file.endsWith('.mts')) return 'module';
  if (!stripsTypes() && !typesHooked) {
    typesHooked = true;
    const load = (module, name) => module._compile(stripTypes(fs.readFileSync(name, 'utf8'), name), name);
    Module._extensions['.ts'] = load;
    Module._extensions['.cts'] = load;
  }
  if (file.endsWith('.cts')) return 'commonjs';
  const declared = packageType(path.dirname(file));
  if (declared !== undefined) return declared;
  if (stripsTypes()) return 'module'; // `import` tells the two apart by itself.
  return formatBySyntax(stripTypes(fs.readFileSync(file, 'utf8'), file));
}

/// Tells an ES module as Node does: by what keeps it from being compiled as CommonJS.
function formatBySyntax(code) {
  const { compileFunction } = require('node:vm');
  try {
    compileFunction(code, ['exports', 'require', 'module', '__filename', '__dirname']);
  } catch (error) {
    if (ES_SYNTAX.test(error.message)) return 'module';
  }
  return 'commonjs';
}

function stripsTypes() {
  return Boolean(process.features.typescript);
}

let strip = null;

function stripTypes(code, file) {
  if (strip === null) {
    if (typeof Module.stripTypeScriptTypes === 'function') {
      strip = (text) => Module.stripTypeScriptTypes(text);
    } else {
      const { transformSync } = amaro(file);
      strip = (text) => transformSync(text, { mode: 'strip-only' }).code;
    }
  }
  try {
    return strip(code);
  } catch (error) {
    throw new SyntaxError(`${file}: ${error.message ?? error}`);
  }
}

function amaro(file) {
  try {
    return require('amaro');
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    const problem = new Error(
      `${file} is TypeScript, which Node.js ${process.version} runs only with the npm package 'amaro', and that is ` +
      'not installed; `ebb runtimes add node-sdk` installs it. From Node.js 22.18 on nothing is needed');
    problem.code = 'MODULE_NOT_FOUND';
    throw problem;
  }
}

/// The `type` of the nearest package.json; undefined where that has none.
function packageType(folder) {
  for (;;) {
    if (path.basename(folder) === 'node_modules') return undefined;
    try {
      const { type } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
      return type === 'module' || type === 'commonjs' ? type : undefined;
    } catch (error) {
      if (error.code !== 'ENOENT') return undefined;
    }
    const parent = path.dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
}

function searchPath() {
  return (process.env.NODE_PATH ?? '').split(path.delimiter).filter((folder) => folder !== '');
}

function isBare(specifier) {
  return !/^(?:[./#]|[a-z][a-z+.-]*:)/i.test(specifier) && !Module.isBuiltin(specifier);
}

/// Whether the file, or a file of the package that it imports, imports a package that only NODE_PATH has.
function importsFromSearchPath(entry) {
  const waiting = [entry];
  const seen = new Set(waiting);
  while (waiting.length > 0 && seen.size < MAX_FILES_SCANNED) {
    const file = waiting.pop();
    let text;
    try {
      text = fs.readFileSync(file, 'utf8');
    } catch {
      continue;
    }
    for (const [, from, direct] of text.matchAll(IMPORTS)) {
      const specifier = from ?? direct;
      if (specifier.startsWith('.')) {
        const next = path.resolve(path.dirname(file), specifier);
        if (!seen.has(next)) {
          seen.add(next);
          waiting.push(next);
        }
      } else if (isBare(specifier) && !isInstalledNear(file, specifier)) {
        return true;
      }
    }
  }
  return false;
}

function isInstalledNear(file, specifier) {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    if (fs.existsSync(path.join(folder, 'node_modules', name))) return true;
    if (folder === path.dirname(folder)) return false;
  }
}

/// Other places to look for what was not found, as [specifier, parent URL] to resolve in its stead.
function alternatives(specifier, parentURL) {
  if (isBare(specifier)) {
    return searchPath().map((folder) =>
      path.basename(folder) === 'node_modules'
        ? [specifier, pathToFileURL(path.join(path.dirname(folder), 'from-search-path.mjs')).href]
        : [pathToFileURL(path.join(folder, specifier)).href, parentURL]);
  }
  if (specifier.startsWith('.') && TYPED.test(parentURL ?? '')) {
    const stem = specifier.replace(/\.([mc]?)js$/, '.$1ts');
    return [stem, `${specifier}.ts`, `${specifier}/index.ts`].map((name) => [name, parentURL]);
  }
  return [];
}

function isNotFound(error) {
  return error?.code === 'ERR_MODULE_NOT_FOUND' || error?.code === 'MODULE_NOT_FOUND'
    || error?.code === 'ERR_UNSUPPORTED_DIR_IMPORT';
}

function resolveSync(specifier, context, next) {
  try {
    return next(specifier, context);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    for (const [other, parentURL] of alternatives(specifier, context.parentURL)) {
      try {
        return next(other, { ...context, parentURL });
      } catch (again) {
        if (!isNotFound(again)) throw again;
      }
    }
    throw error;
  }
}

/// A TypeScript module as JavaScript; none for anything else.
function typedModule(url) {
  if (!url.startsWith('file:') || !TYPED.test(url)) return null;
  const file = fileURLToPath(url);
  const source = stripTypes(fs.readFileSync(file, 'utf8'), file);
  const format = file.endsWith('.mts') ? 'module' : file.endsWith('.cts') ? 'commonjs'
    : packageType(path.dirname(file)) ?? formatBySyntax(source);
  return { format, source, shortCircuit: true };
}

function loadSync(url, context, next) {
  return typedModule(url) ?? next(url, context);
}

module.exports = { alternatives, isNotFound, prepareImport, prepareRequire, requiresImport, typedModule };
