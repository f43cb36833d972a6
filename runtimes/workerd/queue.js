// The producer's end of a queue: what workerd's queue bindings talk to.
//
// A body that is not text or JSON travels as base64, with its kind beside it.
//
// Source: the Workers documentation, "Queues", "JavaScript APIs" and "Limits" (2026-11).

import { sqs } from './aws.js';

const encode = (bytes) => btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join(''));

const attribute = (type) => ({ contentType: { DataType: 'String', StringValue: type } });

async function address(env) {
  return (await sqs(env, 'GetQueueUrl', { QueueName: env.QUEUE })).QueueUrl;
}

const delay = (seconds) => (seconds === undefined || seconds === null ? {} : { DelaySeconds: Number(seconds) });

export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    const QueueUrl = await address(env);
    if (path === '/message') {
      const type = request.headers.get('x-msg-fmt') ?? 'v8';
      const MessageBody = type === 'text' || type === 'json' ? await request.text() : encode(await request.arrayBuffer());
      await sqs(env, 'SendMessage', {
        QueueUrl, MessageBody, MessageAttributes: attribute(type), ...delay(request.headers.get('x-msg-delay-secs')),
      });
    } else if (path === '/batch') {
      const whole = request.headers.get('x-msg-delay-secs');
      const { messages } = await request.json();
      for (let at = 0; at < messages.length; at += 10) {
        const Entries = messages.slice(at, at + 10).map(({ body, contentType = 'v8', delaySecs }, index) => ({
          Id: String(index),
          MessageBody: contentType === 'text' || contentType === 'json' ? new TextDecoder().decode(Uint8Array.from(atob(body), (c) => c.charCodeAt(0))) : body,
          MessageAttributes: attribute(contentType),
          ...delay(delaySecs ?? whole),
        }));
        const { Failed } = await sqs(env, 'SendMessageBatch', { QueueUrl, Entries });
        if (Failed?.length) throw new Error(`the queue ${env.QUEUE} refused a message: ${Failed[0].Message}`);
      }
    } else {
      return new Response('Not Found', { status: 404 });
    }
    return Response.json({ metadata: { metrics: { backlogCount: 0, backlogBytes: 0, oldestMessageTimestamp: 0 } } });
  },
};
