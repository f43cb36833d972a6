// Signed calls of the services that every instance reaches at AWS_ENDPOINT_URL, with the instance's own keys.
//
// Source: the IAM user guide, "AWS Signature Version 4 for API requests".

const encoder = new TextEncoder();
const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const sha256 = async (data) => hex(await crypto.subtle.digest('SHA-256', data));

async function hmac(key, text) {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return crypto.subtle.sign('HMAC', imported, encoder.encode(text));
}

// Percent-encodes as SigV4 does: everything but unreserved characters.
export const encode = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());

// The key of a day serves all of its calls.
let signingKey = { scope: '', key: null };

async function keyFor(env, date, service) {
  const scope = `${date}/${env.AWS_REGION}/${service}/aws4_request`;
  if (signingKey.scope !== scope) {
    let key = encoder.encode('AWS4' + env.AWS_SECRET_ACCESS_KEY);
    for (const part of [date, env.AWS_REGION, service, 'aws4_request']) key = await hmac(key, part);
    signingKey = { scope, key };
  }
  return { scope, key: signingKey.key };
}

// Calls `service`. `path` is encoded already; `query` is a map. A body that is a stream is not hashed.
export async function call(env, service, { method = 'GET', path = '/', query = {}, headers = {}, body = null }) {
  const stamp = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  const date = stamp.slice(0, 8);
  const streamed = body instanceof ReadableStream;
  const hash = streamed ? 'UNSIGNED-PAYLOAD' : await sha256(body === null ? new Uint8Array() : body);
  const host = '127.0.0.1:9002';
  const signed = { host, 'x-amz-content-sha256': hash, 'x-amz-date': stamp };
  if (env.AWS_SESSION_TOKEN) signed['x-amz-security-token'] = env.AWS_SESSION_TOKEN;
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('x-amz-') || name === 'content-type') signed[name] = String(value).trim();
  }
  const names = Object.keys(signed).sort();
  const search = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => [encode(name), encode(String(value))])
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map((pair) => pair.join('='))
    .join('&');
  const canonical = [method, path, search, ...names.map((name) => `${name}:${signed[name]}`), '', names.join(';'), hash];
  const { scope, key } = await keyFor(env, date, service);
  const text = ['AWS4-HMAC-SHA256', stamp, scope, await sha256(encoder.encode(canonical.join('\n')))].join('\n');
  const signature = hex(await hmac(key, text));
  const authorization =
    `AWS4-HMAC-SHA256 Credential=${env.AWS_ACCESS_KEY_ID}/${scope}, ` +
    `SignedHeaders=${names.join(';')}, Signature=${signature}`;
  const all = { ...headers, ...signed, authorization };
  delete all.host;
  return env.CONTROL.fetch(`http://${host}${path}${search ? '?' + search : ''}`, { method, headers: all, body });
}

// Runs a function with an event, and gives its answer.
export async function invoke(env, name, event) {
  const response = await call(env, 'lambda', {
    method: 'POST',
    path: `/2015-03-31/functions/${encode(name)}/invocations`,
    body: encoder.encode(JSON.stringify(event)),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${name}: ${answer.Message ?? answer.message ?? response.status}`);
  if (response.headers.has('x-amz-function-error')) throw new Error(`${name}: ${answer.errorMessage ?? 'it failed'}`);
  return answer;
}

// Calls the queues.
export async function sqs(env, operation, input) {
  const response = await call(env, 'sqs', {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${operation}` },
    body: encoder.encode(JSON.stringify(input)),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${operation}: ${answer.message ?? answer.__type}`);
  return answer;
}

// Calls a bucket, which is made when it is first written to.
export async function bucket(env, name, request) {
  const send = () => call(env, 's3', { ...request, path: `/${name}${request.path ?? ''}` });
  const writes = request.method === 'PUT' || request.method === 'POST';
  if (writes && !made.has(name)) {
    const head = await call(env, 's3', { method: 'HEAD', path: `/${name}` });
    if (head.status === 404) {
      const created = await call(env, 's3', { method: 'PUT', path: `/${name}` });
      // Another instance may have been faster.
      if (!created.ok && created.status !== 409) throw new Error(`making the bucket ${name}: ${created.status}`);
    }
    made.add(name);
  }
  return send();
}

const made = new Set();
