// One invocation of a function, by the project's own @azure/functions: what goes in, its hooks, what comes out.

import { randomUUID } from 'node:crypto';
import { log, runHooks } from './app.mjs';

const state = globalThis[Symbol.for('ebb.azure')];

/// Runs a function. `inputs` are values of bindings by name, `metadata` those of its trigger, in the worker's own form
/// of values; `id` names the invocation. Gives what its output bindings are to get, by name, what it returned, and whether
/// that was nothing.
export async function invoke({ metadata, callback }, { id = randomUUID(), inputs, triggerMetadata = {}, retry }) {
  const invocation = { name: metadata.name, context: undefined };
  const core = {
    invocationId: id,
    state: undefined,
    metadata,
    request: {
      invocationId: id,
      functionId: metadata.name,
      inputData: Object.entries(inputs).map(([name, data]) => ({ name, data })),
      triggerMetadata,
      traceContext: {},
      retryContext: retry,
    },
    log: (level, category, message) => log(level, category, message, invocation),
  };
  const model = state.model.getInvocationModel(core);
  const made = await model.getArguments();
  invocation.context = made.context;
  core.state = 'preInvocationHooks';
  const before = await runHooks('preInvocation', {
    invocationContext: made.context,
    functionCallback: callback,
    inputs: made.inputs,
  });
  core.state = 'invocation';
  const after = { invocationContext: made.context, inputs: before.inputs, hookData: before.hookData, result: null, error: null };
  try {
    after.result = await model.invokeFunction(made.context, before.inputs, before.functionCallback);
  } catch (error) {
    after.error = error;
  }
  core.state = 'postInvocationHooks';
  await runHooks('postInvocation', after);
  core.state = undefined;
  if (after.error) throw after.error;
  const response = await model.getResponse(made.context, after.result);
  const outputs = Object.fromEntries((response.outputData ?? []).map(({ name, data }) => [name, data]));
  return { outputs, returned: response.returnValue, id, isNothing: (after.result ?? null) === null };
}
