'use strict';
// What the package @azure/functions finds in place of @azure/functions-core, which the platform's worker brings.

const state = (globalThis[Symbol.for('ebb.azure')] ??= { functions: new Map(), hooks: {}, model: null, log() {} });

class Disposable {
  constructor(dispose) {
    this.dispose = dispose;
  }
}

module.exports = {
  version: '3.12.0',
  hostVersion: '4.1040.0',
  Disposable,
  setProgrammingModel(model) {
    state.model = model;
  },
  getProgrammingModel() {
    return state.model;
  },
  registerFunction(metadata, callback) {
    if (state.functions.has(metadata.name)) {
      throw new Error(`A function with name "${metadata.name}" has already been registered.`);
    }
    state.functions.set(metadata.name, { metadata, callback });
    return new Disposable(() => state.functions.delete(metadata.name));
  },
  registerHook(name, callback) {
    const hooks = (state.hooks[name] ??= []);
    hooks.push(callback);
    return new Disposable(() => hooks.splice(hooks.indexOf(callback), 1));
  },
  log(level, category, message) {
    state.log(level, category, message);
  },
};
