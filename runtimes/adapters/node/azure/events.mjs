// Events of the platform become those of the app's triggers: messages of queues, objects of buckets, events of the
// bus, and the clock.
//
// Source: the Azure Functions documentation, the trigger of each service, "Usage" and "Metadata" (2026-11).

import { registered, setting, triggerOf } from './app.mjs';
import { blobParameters, fillOutputs, readBlob, readInputs } from './bindings.mjs';
import { invoke } from './invoke.mjs';

/// Handles an event; gives what the platform is told of it.
export async function handleEvent(event) {
  if (event?.ebb === 'timer') return timer(event);
  const [first] = event?.Records ?? [];
  if (first?.eventSource === 'aws:sqs') return messages(event.Records);
  if (first?.eventSource === 'aws:s3') return each(event.Records, blob);
  if (first?.EventSource === 'aws:sns') return each(event.Records, topicMessage);
  if (event?.['detail-type'] !== undefined) return gridEvent(event);
  throw new Error('the event is of no kind that this app has a trigger for');
}

const ofType = (...types) => registered().filter((entry) => types.includes(triggerOf(entry)?.type.toLowerCase()));

async function each(records, handle) {
  for (const record of records) await handle(record);
  return null;
}

async function run(entry, data, { metadata = {}, parameters = {}, body, retry } = {}) {
  const trigger = triggerOf(entry);
  const inputs = { [trigger.name]: data, ...(await readInputs(entry, parameters, body)) };
  const triggerMetadata = Object.fromEntries(
    Object.entries(metadata).filter(([, value]) => value !== undefined).map(([name, value]) => [name, typeof value === 'string' ? { string: value } : { json: JSON.stringify(value) }]),
  );
  const given = await invoke(entry, { inputs, triggerMetadata, retry });
  await fillOutputs(entry, given, parameters);
}

/// The clock. Source: "Timer trigger", "Usage".
async function timer({ function: name, time, schedule }) {
  const entry = registered().find(({ metadata }) => metadata.name === name);
  if (entry === undefined) throw new Error(`the app has no function ${name}`);
  const now = new Date().toISOString();
  const status = { Last: time ?? now, Next: now, LastUpdated: now };
  const retry = entry.metadata.retryOptions;
  const most = Number(retry?.maxRetryCount ?? 0);
  for (let count = 0; ; count += 1) {
    try {
      const data = { json: JSON.stringify({ Schedule: { AdjustForDST: true, Expression: schedule }, ScheduleStatus: status, IsPastDue: false }) };
      return await run(entry, data, { retry: count > 0 ? { retryCount: count, maxRetryCount: most } : undefined });
    } catch (error) {
      if (most >= 0 && count >= most) throw error;
      console.error(error);
      await new Promise((resolve) => setTimeout(resolve, pause(retry, count)));
    }
  }
}

/// Milliseconds before the next try. Source: "Error handling and retries", "Retry strategies".
function pause({ retryStrategy, delayInterval, minimumInterval, maximumInterval }, count) {
  if (retryStrategy === 'exponentialBackoff') {
    const [least, most] = [minimumInterval, maximumInterval].map((interval) => Number(interval?.seconds ?? 1));
    return Math.min(most, least * 2 ** count) * 1000;
  }
  return Number(delayInterval?.seconds ?? 1) * 1000;
}

/// Messages of a queue; gives those that failed, which come again.
async function messages(records) {
  const queue = records[0].eventSourceARN.split(':').at(-1);
  const named = ({ queueName, topicName }) => queueName !== undefined && topicName === undefined && setting(queueName) === queue;
  const failures = [];
  for (const entry of ofType('queuetrigger', 'servicebustrigger').filter((one) => named(triggerOf(one)))) {
    const trigger = triggerOf(entry);
    if (trigger.cardinality === 'many') {
      try {
        await batch(entry, records);
      } catch (error) {
        console.error(error);
        failures.push(...records.map(({ messageId }) => messageId));
      }
      continue;
    }
    await Promise.all(records.map(async (record) => {
      try {
        await message(entry, trigger, record);
      } catch (error) {
        console.error(error);
        failures.push(record.messageId);
      }
    }));
  }
  return { batchItemFailures: [...new Set(failures)].map((itemIdentifier) => ({ itemIdentifier })) };
}

function message(entry, trigger, record) {
  const metadata = trigger.type.toLowerCase() === 'queuetrigger' ? ofQueue(record) : ofBus(record);
  return run(entry, { string: record.body }, { metadata, parameters: parametersOf(record), body: record.body });
}

function ofQueue({ body, messageId, receiptHandle, attributes }) {
  const inserted = Number(attributes.SentTimestamp);
  const iso = (time) => new Date(time).toISOString();
  return {
    QueueTrigger: body,
    Id: messageId,
    DequeueCount: attributes.ApproximateReceiveCount,
    InsertionTime: iso(inserted),
    ExpirationTime: iso(inserted + 7 * 86_400_000),
    NextVisibleTime: iso(Date.now() + 600_000),
    PopReceipt: receiptHandle,
  };
}

function ofBus({ messageId, receiptHandle, attributes, messageAttributes }) {
  const properties = Object.fromEntries(Object.entries(messageAttributes ?? {}).map(([name, { stringValue }]) => [name, stringValue]));
  return {
    MessageId: messageId,
    DeliveryCount: Number(attributes.ApproximateReceiveCount),
    EnqueuedTimeUtc: new Date(Number(attributes.SentTimestamp)).toISOString(),
    SequenceNumber: Number(attributes.SentTimestamp),
    LockToken: receiptHandle,
    ApplicationProperties: properties,
    UserProperties: properties,
  };
}

function batch(entry, records) {
  const list = (name) => records.map((record) => ofBus(record)[name]);
  const metadata = {
    MessageIdArray: list('MessageId'), DeliveryCountArray: list('DeliveryCount'), EnqueuedTimeUtcArray: list('EnqueuedTimeUtc'),
    ApplicationPropertiesArray: list('ApplicationProperties'),
  };
  return run(entry, { collectionString: { string: records.map(({ body }) => body) } }, { metadata });
}

/// What binding expressions of the function may name: the message, and the members of its JSON.
function parametersOf({ body, messageId, attributes }) {
  const parameters = { queueTrigger: body, Id: messageId, id: messageId, DequeueCount: attributes?.ApproximateReceiveCount };
  try {
    const parsed = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) Object.assign(parameters, parsed);
  } catch {
    // Not every message is JSON.
  }
  return parameters;
}

async function topicMessage({ Sns: { TopicArn, Message, MessageId, Timestamp, MessageAttributes } }) {
  const topic = TopicArn.split(':').at(-1);
  for (const entry of ofType('servicebustrigger')) {
    const { topicName } = triggerOf(entry);
    if (topicName === undefined || setting(topicName) !== topic) continue;
    const properties = Object.fromEntries(Object.entries(MessageAttributes ?? {}).map(([name, { Value }]) => [name, Value]));
    const metadata = { MessageId, DeliveryCount: 1, EnqueuedTimeUtc: Timestamp, ApplicationProperties: properties, UserProperties: properties };
    await run(entry, { string: Message }, { metadata, body: Message });
  }
}

/// An object of a bucket: the first part of a trigger's path is the bucket, the rest a pattern of keys.
async function blob({ s3 }) {
  const bucket = s3.bucket.name;
  const key = decodeURIComponent(s3.object.key.replaceAll('+', ' '));
  for (const entry of ofType('blobtrigger')) {
    const trigger = triggerOf(entry);
    const parameters = blobParameters(setting(trigger.path), bucket, key);
    if (parameters === null) continue;
    const { bytes, headers } = await readBlob(bucket, key);
    if (bytes === undefined) continue;
    const uri = `${process.env.AWS_ENDPOINT_URL}/${bucket}/${key}`;
    const metadata = {
      BlobTrigger: `${bucket}/${key}`,
      Uri: uri,
      Properties: { Length: bytes.length, ContentType: headers.get('content-type'), ETag: headers.get('etag'), LastModified: headers.get('last-modified') },
      Metadata: {},
      ...parameters,
    };
    await run(entry, { bytes }, { metadata, parameters: { ...parameters, BlobTrigger: `${bucket}/${key}` } });
  }
}

/// An event of the bus. Source: "Event Grid trigger", "Usage", the schema of events.
async function gridEvent(event) {
  const shape = {
    id: event.id,
    topic: event.source,
    subject: event.resources?.[0] ?? event.source,
    eventType: event['detail-type'],
    eventTime: event.time,
    data: event.detail,
    dataVersion: '1.0',
    metadataVersion: '1',
  };
  for (const entry of ofType('eventgridtrigger')) {
    await run(entry, { json: JSON.stringify(shape) }, { metadata: { data: event.detail }, parameters: { data: event.detail } });
  }
  return null;
}
