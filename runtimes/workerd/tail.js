// Tells another worker what happened in this one: what it logged and threw, as events of that worker's function.
//
// Source: the Workers documentation, "Tail Workers", "Tail Handler" (2026-11).

import { call, encode } from './aws.js';

// A value of a log line as JSON has it.
function plain(value) {
  try { return JSON.parse(JSON.stringify(value)) ?? null; } catch { return String(value); }
}

function eventOf(event) {
  if (event === null || event === undefined) return null;
  const { request, response, cron, scheduledTime, queue, batchSize, rpcMethod } = event;
  const asked = request && { url: request.url, method: request.method, headers: plain(request.headers), cf: plain(request.cf ?? {}) };
  const known = { request: asked, response: response && { status: response.status }, cron, scheduledTime, queue, batchSize, rpcMethod };
  return plain(known);
}

// What ebb asks a worker by itself, unless the worker has something to say in it, as workflows have.
const isOwn = ({ entrypoint, logs, exceptions }) =>
  entrypoint === 'ebbTrack' || (entrypoint === 'ebbRun' && logs.length === 0 && exceptions.length === 0);

// The lines of the worker's own: what it throws is logged by ebb, too.
function linesOf({ logs, exceptions }) {
  const lines = logs.map(({ timestamp, level, message }) => ({ timestamp, level, message: plain(message) }));
  for (const { name, message } of exceptions) {
    const at = lines.findLastIndex((line) => line.level === 'error' && line.message[0] === `${name}: ${message}`);
    if (at >= 0) lines.splice(at, 1);
  }
  return lines;
}

function described(item) {
  const lines = linesOf(item);
  const thrown = item.exceptions.map(({ timestamp, name, message, stack }) => ({ timestamp, name, message, stack }));
  return {
    scriptName: item.scriptName ?? null, entrypoint: item.entrypoint, outcome: item.outcome, eventTimestamp: item.eventTimestamp,
    event: eventOf(item.event), logs: lines, exceptions: thrown, diagnosticsChannelEvents: [], truncated: item.truncated ?? false,
    executionModel: item.executionModel, cpuTime: item.cpuTime ?? 0, wallTime: item.wallTime ?? 0,
  };
}

export default {
  async tail(items, env) {
    const told = items.filter((item) => !isOwn(item));
    const events = told.map((item) => ({ ...described(item), scriptName: env.SCRIPT }));
    if (events.length === 0) return;
    const response = await call(env, 'lambda', {
      method: 'POST',
      path: `/2015-03-31/functions/${encode(env.FUNCTION)}/invocations`,
      headers: { 'x-amz-invocation-type': 'Event' },
      body: new TextEncoder().encode(JSON.stringify({ ebb: 'tail', events })),
    });
    if (!response.ok) console.error(`the tail worker ${env.FUNCTION} was not told: ${response.status}`);
  },
};
