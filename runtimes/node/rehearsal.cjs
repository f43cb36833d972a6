'use strict';
// What a boot does while it has no function yet: it loads and runs one of its own, which does nothing, so that what Node
// reads, compiles and allocates when it does a thing for the first time is there when a function comes. Nothing of it can
// be seen by that function.

const { Invocation } = require('./invocation.cjs');
const { loadHandler, streamingOf } = require('./loader.cjs');

const METADATA = { requestId: '', deadlineMs: 0, functionArn: '' };
const EVENT = '{"version":"2.0","headers":{"host":"localhost"}}';

async function rehearse() {
  const handler = await loadHandler(__dirname, 'rehearsal_function.handler');
  const boot = {
    handler, contexts: null, streaming: streamingOf(handler),
    wire: { send() {} }, logError() {}, finished() {},
  };
  // The two ways to call handlers.
  for (const returnsOnly of [false, true]) new Invocation({ ...boot, returnsOnly }, 0, METADATA).run(EVENT);
}

module.exports = { rehearse };
