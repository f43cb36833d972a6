// What stands before a worker: files are served, where it has some, and events that are not HTTP reach the handlers that are
// made for them.
//
// Source: the Workers documentation, "Static Assets", "Cron Triggers", "Queues" (2026-11).

import { serveAsset } from './assets.js';
import { sqs } from './aws.js';
import { arrived, isSettled } from './edge.js';
import { decode, encode, encodeBytes, decodeBytes } from './rpc.js';

async function respond(request, env) {
  const sent = arrived(request);
  const settings = env.SETTINGS;
  if (settings.assets) {
    const path = new URL(sent.url).pathname;
    if (!workerFirst(settings.assets.run_worker_first, path)) {
      const asset = await serveAsset(sent, env, settings.assets);
      if (asset.status !== 404 || !settings.main || serves404(settings.assets, sent)) return asset;
    }
  }
  if (!settings.main) return new Response('Not Found', { status: 404 });
  return env.MAIN.fetch(sent, { cf: sent.cf });
}

// A page of the site's own for what is not found wins over the worker only where a browser navigates.
function serves404(assets, request) {
  return assets.not_found_handling !== 'none' && request.headers.get('sec-fetch-mode') === 'navigate';
}

function workerFirst(setting, path) {
  if (!Array.isArray(setting)) return Boolean(setting);
  const matches = (pattern) => {
    const parts = pattern.replace(/^!/, '').split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`).test(path);
  };
  const refused = setting.some((pattern) => pattern.startsWith('!') && matches(pattern));
  return !refused && setting.some((pattern) => !pattern.startsWith('!') && matches(pattern));
}

async function deliver(event, env) {
  if (event?.ebb === 'cron') {
    const scheduledTime = new Date(event.time ?? Date.now());
    const result = await env.MAIN.scheduled({ cron: event.cron, scheduledTime });
    if (result.outcome !== 'ok') throw new Error(`the scheduled handler ended with ${result.outcome}`);
    return null;
  }
  if (event?.ebb === 'tail') {
    await env.CALL.call('default', 'tail', [event.events]);
    return null;
  }
  if (event?.ebb === 'fetch' || event?.ebb === 'call') return serve(event, env);
  if (event?.ebb === 'workflow-call') return serveWorkflow(event, env);
  if (event?.ebb === 'object-fetch' || event?.ebb === 'object-call') return serveObject(event, env);
  const records = event?.Records;
  if (Array.isArray(records) && records.every((record) => record.eventSource === 'aws:sqs')) return consume(records, env);
  throw new Error('a worker takes requests, cron triggers and batches of its queues, and this event is none of them');
}

// What another worker asks of one of this one's entry points. What is thrown is an answer, too.
async function serve({ ebb, entrypoint, method, args, request }, env) {
  try {
    if (ebb === 'call') return { value: encode(await env.CALL.call(entrypoint, method, args.map(decode))) };
    return await described(await env.CALL.call(entrypoint, 'fetch', [asRequest(request)]));
  } catch (error) {
    return { thrown: [error?.name ?? 'Error', error?.message ?? String(error)] };
  }
}

// The same of one of this one's objects.
async function serveObject({ ebb, class: name, id, method, args, request }, env) {
  try {
    const objects = env[`OBJECTS_${name}`];
    if (objects === undefined) throw new TypeError(`the worker has no Durable Objects of the class ${name}`);
    const named = id.startsWith('name:');
    const object = objects.get(named ? objects.idFromName(decodeURIComponent(id.slice(5))) : objects.idFromString(id));
    if (ebb === 'object-call') return { value: encode(await object[method](...args.map(decode))) };
    return await described(await object.fetch(asRequest(request)));
  } catch (error) {
    return { thrown: [error?.name ?? 'Error', error?.message ?? String(error)] };
  }
}

// The same of an instance of one of this one's workflows.
async function serveWorkflow({ instance, method, args }, env) {
  try {
    if (env.WORKFLOWS === undefined) throw new TypeError('the worker has no workflows');
    const stub = env.WORKFLOWS.get(env.WORKFLOWS.idFromName(instance));
    return { value: encode(await stub[method](...args.map(decode))) };
  } catch (error) {
    return { thrown: [error?.name ?? 'Error', error?.message ?? String(error)] };
  }
}

function asRequest({ url, body, ...init }) {
  return new Request(url, { ...init, body: body === null ? null : decodeBytes(body) });
}

async function described(response) {
  const { status, statusText, headers } = response;
  return { status, statusText, headers: [...headers], body: encodeBytes(await response.arrayBuffer()) };
}

// A batch of a queue: what the worker did not acknowledge is delivered again, at once or after the delay that is set.
async function consume(records, env) {
  const queue = records[0].eventSourceARN.split(':').at(-1);
  const messages = records.map((record) => {
    const type = record.messageAttributes?.contentType?.stringValue ?? 'text';
    const bytes = type === 'text' || type === 'json' ? null : Uint8Array.from(atob(record.body), (c) => c.charCodeAt(0));
    const message = {
      id: record.messageId,
      timestamp: new Date(Number(record.attributes?.SentTimestamp ?? Date.now())),
      attempts: Number(record.attributes?.ApproximateReceiveCount ?? 1),
    };
    if (bytes) return { ...message, serializedBody: bytes };
    return { ...message, body: type === 'json' ? JSON.parse(record.body) : record.body };
  });
  const result = await env.MAIN.queue(queue, messages);
  if (result.outcome !== 'ok' && result.outcome !== 'exception') throw new Error(`the queue handler ended with ${result.outcome}`);
  const acknowledged = new Set(result.explicitAcks);
  const retried = new Set(result.retryMessages.map((message) => message.msgId));
  const whole = result.outcome === 'exception' || result.retryBatch.retry;
  const failed = records.filter(({ messageId }) =>
    !acknowledged.has(messageId) && (retried.has(messageId) || (whole && !result.ackAll)));
  const { max_retries: most, retry_delay: delay, dead_letter: kept } = env.SETTINGS.consumers[queue] ?? {};
  // One that was tried often enough is dropped where nothing takes it.
  const again = failed.filter((record) => kept || most === undefined || Number(record.attributes.ApproximateReceiveCount) <= most);
  const delays = new Map(result.retryMessages.map((message) => [message.msgId, message.delaySeconds]));
  await hide(queue, again.map((record) =>
    [record, delays.get(record.messageId) ?? result.retryBatch.delaySeconds ?? delay ?? 0]), env);
  return { batchItemFailures: again.map(({ messageId }) => ({ itemIdentifier: messageId })) };
}

// Says when messages come again, which would otherwise be when their visibility timeout ends.
async function hide(queue, delayed, env) {
  if (delayed.length === 0) return;
  const { QueueUrl } = await sqs(env, 'GetQueueUrl', { QueueName: queue });
  for (let at = 0; at < delayed.length; at += 10) {
    const Entries = delayed.slice(at, at + 10).map(([record, seconds], index) =>
      ({ Id: String(index), ReceiptHandle: record.receiptHandle, VisibilityTimeout: seconds }));
    await sqs(env, 'ChangeMessageVisibilityBatch', { QueueUrl, Entries });
  }
}

// What only the platform asks: events that are no requests, and whether anything goes on after an answer.
async function answer(request, env, settled) {
  if (settled) return env.TRACK ? env.TRACK.fetch(request) : new Response('0');
  try {
    return Response.json(await deliver(await request.json(), env));
  } catch (error) {
    console.error(error);
    const said = { errorType: error.name, errorMessage: error.message };
    return Response.json(said, { status: 500, headers: { 'ebb-function-failure': encodeHeader(JSON.stringify(said)) } });
  }
}

// JSON without what a header cannot hold.
const encodeHeader = (json) => json.replace(/[^\x20-\x7e]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));

// Requests of the worker's clients, and one of the platform's.
export default {
  fetch(request, env) {
    return isSettled(request) ? answer(request, env, true) : respond(request, env);
  },
};

// The port of the platform's events, which also asks whether the loop turns.
export const events = {
  async fetch(request, env) {
    return request.method === 'GET' ? new Response('turning') : answer(request, env, false);
  },
};
