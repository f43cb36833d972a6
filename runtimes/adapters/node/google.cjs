'use strict';
// Starts the functions framework that the project depends on; it reads what to serve from its environment.

const { createRequire } = require('node:module');
const path = require('node:path');

const root = path.dirname(__dirname);
const own = createRequire(path.join(root, 'package.json'));

function program() {
  const name = '@google-cloud/functions-framework';
  // Its package.json is not among what it exports in every version: it is looked for by its path.
  for (const folder of own.resolve.paths(name)) {
    try {
      const manifest = require(path.join(folder, name, 'package.json'));
      const bin = typeof manifest.bin === 'string' ? manifest.bin : Object.values(manifest.bin)[0];
      return path.join(folder, name, bin);
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new Error(`${name} is not in the package: npm install it`);
}

process.chdir(root);
process.argv[1] = program();
require(process.argv[1]);
