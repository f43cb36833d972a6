// Runs on the thread of Node's module loader, before Node 22.15 and where modules.cjs finds it needed.

import { createRequire } from 'node:module';

const { alternatives, isNotFound, typedModule } = createRequire(import.meta.url)('./modules.cjs');

let strips = false;

export function initialize(data) {
  strips = data.strips;
}

export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    for (const [other, parentURL] of alternatives(specifier, context.parentURL)) {
      try {
        return await next(other, { ...context, parentURL });
      } catch (again) {
        if (!isNotFound(again)) throw again;
      }
    }
    throw error;
  }
}

export async function load(url, context, next) {
  return (strips ? typedModule(url) : null) ?? next(url, context);
}
