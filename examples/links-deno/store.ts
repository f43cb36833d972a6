import { AwsClient } from 'aws4fetch';

const aws = new AwsClient({
  accessKeyId: Deno.env.get('AWS_ACCESS_KEY_ID')!,
  secretAccessKey: Deno.env.get('AWS_SECRET_ACCESS_KEY')!,
  sessionToken: Deno.env.get('AWS_SESSION_TOKEN'),
  region: Deno.env.get('AWS_REGION'),
  service: 's3',
});
const bucket = `${Deno.env.get('AWS_ENDPOINT_URL')}/links-deno`;
const ready = aws.fetch(bucket, { method: 'PUT' });

async function fetched(url: string, options?: RequestInit): Promise<Response> {
  await ready;
  const response = await aws.fetch(url, options);
  if (!response.ok && response.status !== 404) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response;
}

export async function read(code: string): Promise<string | undefined> {
  const response = await fetched(`${bucket}/links/${code}`);
  return response.ok ? response.text() : undefined;
}

export async function write(code: string, url: string): Promise<void> {
  await fetched(`${bucket}/links/${code}`, { method: 'PUT', body: url });
}

// Each click is an object: none is lost where two are counted at once.
export async function count(code: string): Promise<void> {
  await fetched(`${bucket}/clicks/${code}/${crypto.randomUUID()}`, { method: 'PUT', body: '' });
}

export async function clicks(code: string): Promise<number> {
  const listed = await (await fetched(`${bucket}?list-type=2&prefix=clicks/${code}/`)).text();
  return Number(/<KeyCount>(\d+)</.exec(listed)![1]);
}
