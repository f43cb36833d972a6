// Takes commands: what is accepted is told as an event, and nothing else is done here.
const { randomUUID } = require('node:crypto');
const { EventBridgeClient, PutEventsCommand } = require('@aws-sdk/client-eventbridge');

const events = new EventBridgeClient();

exports.handler = async ({ routeKey, pathParameters, body, isBase64Encoded }) => {
  const text = isBase64Encoded ? Buffer.from(body, 'base64').toString() : body ?? '{}';
  if (routeKey === 'POST /orders') {
    const { item } = JSON.parse(text);
    if (!item) return { statusCode: 400, body: 'an order has an item' };
    const id = randomUUID();
    await tell('OrderPlaced', { id, item });
    return { statusCode: 202, body: JSON.stringify({ id }) };
  }
  await tell('OrderShipped', { id: pathParameters.id });
  return { statusCode: 202, body: '{}' };
};

async function tell(type, detail) {
  const entry = { EventBusName: process.env.BUS, Source: 'shop', DetailType: type, Detail: JSON.stringify(detail) };
  const { FailedEntryCount } = await events.send(new PutEventsCommand({ Entries: [entry] }));
  if (FailedEntryCount > 0) throw new Error(`${type} was not accepted`);
}
