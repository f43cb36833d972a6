// Input and output bindings on the platform's services: queues, buckets, topics and the bus.

import { randomUUID } from 'node:crypto';
import { setting } from './app.mjs';
import { call } from './aws.mjs';

const env = { ...process.env, CONTROL: { fetch: (url, options) => fetch(url, options) } };

const bindings = ({ metadata }) => Object.entries(metadata.bindings).map(([name, binding]) => ({ ...binding, name }));

/// The values of a function's further inputs, by name.
export async function readInputs(entry, parameters, body) {
  const inputs = {};
  for (const binding of bindings(entry)) {
    if (binding.direction !== 'in' || /trigger$/i.test(binding.type)) continue;
    if (binding.type.toLowerCase() !== 'blob') throw new Error(`${binding.type} is no input that ebb has`);
    const [bucket, ...key] = filled(binding.path, { ...fromBody(body), ...parameters }).split('/');
    const { bytes } = await readBlob(bucket, key.join('/'));
    inputs[binding.name] = bytes === undefined ? undefined : { bytes };
  }
  return inputs;
}

function fromBody(body) {
  if (!body?.length) return {};
  try {
    const parsed = JSON.parse(body.toString());
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}

/// Gives what a function put out to where its bindings lead; gives what is for the HTTP answer.
export async function fillOutputs(entry, { outputs, returned }, parameters) {
  let answer;
  for (const binding of bindings(entry)) {
    if (binding.direction !== 'out') continue;
    const data = binding.name === '$return' ? returned : outputs[binding.name];
    if (data === undefined || data === null) continue;
    if (binding.type.toLowerCase() === 'http') answer = data;
    else await put(binding, data, parameters);
  }
  return answer;
}

async function put(binding, data, parameters) {
  const type = binding.type.toLowerCase();
  if (type === 'queue') return sendMessages(filled(binding.queueName, parameters), texts(data));
  if (type === 'servicebus' && binding.queueName !== undefined) return sendMessages(filled(binding.queueName, parameters), texts(data));
  if (type === 'servicebus') return publish(filled(binding.topicName, parameters), texts(data));
  if (type === 'blob') {
    const [bucket, ...key] = filled(binding.path, parameters).split('/');
    return writeBlob(bucket, key.join('/'), bytesOf(data));
  }
  if (type === 'eventgrid') return putEvents(values(data));
  throw new Error(`${binding.type} is no output that ebb has`);
}

/// A text with the expressions in it filled in: settings, what the trigger knows, and `{rand-guid}`, `{DateTime}`.
/// Source: "Azure Functions binding expression patterns".
export function filled(text, parameters = {}) {
  return setting(text).replace(/\{([^{}]+)\}/g, (whole, name) => {
    if (name === 'rand-guid') return randomUUID();
    if (name === 'DateTime' || name === 'datetime') return new Date().toISOString().replace(/\.\d+Z$/, 'Z').replaceAll(':', '-');
    const found = name.split('.').reduce((value, member) => own(value, member), parameters);
    if (found === undefined) throw new Error(`nothing is known by the name of ${whole}`);
    return typeof found === 'object' ? JSON.stringify(found) : String(found);
  });
}

function own(value, member) {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Object.hasOwn(value, member)) return value[member];
  // Names in expressions do not heed the case of letters.
  const found = Object.keys(value).find((name) => name.toLowerCase() === member.toLowerCase());
  return found === undefined ? undefined : value[found];
}

/// The parameters of a blob trigger's path for an object; null where it is not of the pattern.
export function blobParameters(path, bucket, key) {
  const [container, ...rest] = path.replace(/^\//, '').split('/');
  if (container.toLowerCase() !== bucket.toLowerCase()) return null;
  const pattern = rest.join('/');
  if (pattern === '') return {};
  const names = [];
  const parts = pattern.split(/(\{[^{}]+\})/).filter((part) => part !== '');
  const regex = parts.map((part, index) => {
    if (!/^\{.*\}$/.test(part)) return part.replace(/[.*+?^$|()[\]{}\\]/g, '\\$&');
    names.push(part.slice(1, -1));
    return index === parts.length - 1 ? '(.+)' : '(.+?)';
  });
  const found = new RegExp(`^${regex.join('')}$`).exec(key);
  return found === null ? null : Object.fromEntries(names.map((name, index) => [name, found[index + 1]]));
}

/// The value of an output: text, or JSON as it is written.
function textOf({ string, json, bytes, int, double }) {
  if (bytes !== undefined) return Buffer.from(bytes).toString();
  return string ?? json ?? String(int ?? double ?? '');
}

function bytesOf(data) {
  return data.bytes === undefined ? Buffer.from(textOf(data)) : Buffer.from(data.bytes);
}

function values(data) {
  const value = data.json === undefined ? JSON.parse(textOf(data)) : JSON.parse(data.json);
  return Array.isArray(value) ? value : [value];
}

/// A list is so many messages.
function texts(data) {
  if (data.json === undefined) return [textOf(data)];
  const value = JSON.parse(data.json);
  if (!Array.isArray(value)) return [data.json];
  return value.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
}

async function json(service, version, target, input) {
  const response = await call(env, service, {
    method: 'POST',
    headers: { 'content-type': `application/x-amz-json-${version}`, 'x-amz-target': target },
    body: Buffer.from(JSON.stringify(input)),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(`${target}: ${answer.message ?? answer.Message ?? response.status}`), { kind: answer.__type ?? '' });
  return answer;
}

/// Sends to a queue, which is made where there is none yet, as the platform does.
async function sendMessages(name, messages) {
  const { QueueUrl } = await json('sqs', '1.0', 'AmazonSQS.CreateQueue', { QueueName: name });
  for (const MessageBody of messages) await json('sqs', '1.0', 'AmazonSQS.SendMessage', { QueueUrl, MessageBody });
}

async function publish(topic, messages) {
  const form = (fields) => Buffer.from(new URLSearchParams({ Version: '2010-03-31', ...fields }).toString());
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const made = await call(env, 'sns', { method: 'POST', headers, body: form({ Action: 'CreateTopic', Name: topic }) });
  const arn = /<TopicArn>([^<]+)</.exec(await made.text())?.[1];
  if (arn === undefined) throw new Error(`the topic ${topic} cannot be made: ${made.status}`);
  for (const Message of messages) {
    const sent = await call(env, 'sns', { method: 'POST', headers, body: form({ Action: 'Publish', TopicArn: arn, Message }) });
    if (!sent.ok) throw new Error(`publishing to ${topic}: ${sent.status}`);
  }
}

async function putEvents(events) {
  const Entries = events.map((event) => ({
    Source: event.topic ?? event.source ?? event.subject ?? 'azure',
    DetailType: event.eventType ?? event.type ?? 'event',
    Detail: JSON.stringify(event.data ?? {}),
    Resources: event.subject === undefined ? [] : [event.subject],
  }));
  for (let at = 0; at < Entries.length; at += 10) {
    const { FailedEntryCount, Entries: told } = await json('events', '1.1', 'AWSEvents.PutEvents', { Entries: Entries.slice(at, at + 10) });
    if (FailedEntryCount) throw new Error(`the bus refused an event: ${told.find(({ ErrorMessage }) => ErrorMessage)?.ErrorMessage}`);
  }
}

const encoded = (key) => key.split('/').map((part) => encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)).join('/');

/// An object's bytes and headers; no bytes where it is not there.
export async function readBlob(bucket, key) {
  const response = await call(env, 's3', { path: `/${bucket}/${encoded(key)}` });
  if (response.status === 404) return { headers: response.headers };
  if (!response.ok) throw new Error(`reading ${bucket}/${key}: ${response.status}`);
  return { bytes: Buffer.from(await response.arrayBuffer()), headers: response.headers };
}

async function writeBlob(bucket, key, bytes) {
  const send = () => call(env, 's3', { method: 'PUT', path: `/${bucket}/${encoded(key)}`, body: bytes });
  let response = await send();
  if (response.status === 404) {
    // A container is made when it is first written to, as the platform does.
    await call(env, 's3', { method: 'PUT', path: `/${bucket}` });
    response = await send();
  }
  if (!response.ok) throw new Error(`writing ${bucket}/${key}: ${response.status}`);
}
