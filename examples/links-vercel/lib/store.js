import { AwsClient } from 'aws4fetch';

const aws = new AwsClient({
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
  sessionToken: process.env.AWS_SESSION_TOKEN,
  region: process.env.AWS_REGION,
  service: 's3',
});
const bucket = `${process.env.AWS_ENDPOINT_URL}/links-vercel`;
const ready = aws.fetch(bucket, { method: 'PUT' });

async function fetched(url, options) {
  await ready;
  const response = await aws.fetch(url, options);
  if (!response.ok && response.status !== 404) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response;
}

export async function read(code) {
  const response = await fetched(`${bucket}/links/${code}`);
  return response.ok ? response.text() : undefined;
}

export const write = (code, url) => fetched(`${bucket}/links/${code}`, { method: 'PUT', body: url });

// Each click is an object: none is lost where two are counted at once.
export const count = (code) => fetched(`${bucket}/clicks/${code}/${crypto.randomUUID()}`, { method: 'PUT', body: '' });

export async function clicks(code) {
  const listed = await (await fetched(`${bucket}?list-type=2&prefix=clicks/${code}/`)).text();
  return Number(/<KeyCount>(\d+)</.exec(listed)[1]);
}
