// The R2 binding, on a bucket that the S3 API sees as well.
//
// Source: the Workers documentation, "R2", "Workers API reference" (2026-11).

const HTTP_FIELDS = {
  contentType: 'content-type', contentLanguage: 'content-language', contentDisposition: 'content-disposition',
  contentEncoding: 'content-encoding', cacheControl: 'cache-control', cacheExpiry: 'expires',
};
const CUSTOM = 'x-amz-meta-';
const LISTED = 1000;

const bare = (etag) => etag.replace(/^W\//, '').replace(/^"|"$/g, '');
const unescape = (text) =>
  text.replace(/&(lt|gt|quot|apos|amp|#(\d+)|#x([0-9a-f]+));/gi, (_, name, decimal, hex) =>
    decimal ? String.fromCodePoint(decimal) : hex ? String.fromCodePoint(parseInt(hex, 16)) : { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }[name]);
const field = (xml, name) => {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml);
  return found ? unescape(found[1]) : undefined;
};

// Characters that a header cannot hold are escaped, and the escape itself.
const escape = (text) => text.replace(/[^\x20-\x7e]|%/gu, encodeURIComponent);
const plain = (text) => { try { return decodeURIComponent(text); } catch { return text; } };

class R2Object {
  constructor(key, headers, size) {
    this.key = key;
    this.etag = bare(headers.get('etag') ?? '');
    this.httpEtag = `"${this.etag}"`;
    this.version = headers.get('x-amz-version-id') ?? this.etag;
    this.size = size ?? Number(headers.get('content-range')?.split('/')[1] ?? headers.get('content-length') ?? 0);
    this.uploaded = new Date(headers.get('last-modified') ?? Date.now());
    this.storageClass = 'Standard';
    this.checksums = { toJSON: () => ({}) };
    this.httpMetadata = {};
    for (const [name, header] of Object.entries(HTTP_FIELDS)) {
      const value = headers.get(header);
      if (value !== null) this.httpMetadata[name] = name === 'cacheExpiry' ? new Date(value) : value;
    }
    this.customMetadata = {};
    for (const [name, value] of headers) {
      if (name.startsWith(CUSTOM)) this.customMetadata[plain(name.slice(CUSTOM.length))] = plain(value);
    }
    const range = /^bytes (\d+)-(\d+)\//.exec(headers.get('content-range') ?? '');
    this.range = range ? { offset: Number(range[1]), length: Number(range[2]) - Number(range[1]) + 1 } : undefined;
  }

  writeHttpMetadata(headers) {
    for (const [name, value] of Object.entries(this.httpMetadata)) {
      headers.set(HTTP_FIELDS[name], value instanceof Date ? value.toUTCString() : value);
    }
  }
}

class R2ObjectBody extends R2Object {
  #response;
  constructor(key, response) {
    super(key, response.headers);
    this.#response = response;
  }
  get body() { return this.#response.body; }
  get bodyUsed() { return this.#response.bodyUsed; }
  arrayBuffer() { return this.#response.arrayBuffer(); }
  async bytes() { return new Uint8Array(await this.#response.arrayBuffer()); }
  text() { return this.#response.text(); }
  json() { return this.#response.json(); }
  async blob() { return new Blob([await this.#response.arrayBuffer()], { type: this.httpMetadata.contentType ?? '' }); }
}

function described(options = {}) {
  const headers = {};
  const http = options.httpMetadata instanceof Headers
    ? Object.fromEntries(Object.entries(HTTP_FIELDS).map(([name, header]) => [name, options.httpMetadata.get(header) ?? undefined]))
    : options.httpMetadata ?? {};
  for (const [name, header] of Object.entries(HTTP_FIELDS)) {
    const value = http[name];
    if (value !== undefined) headers[header] = value instanceof Date ? value.toUTCString() : String(value);
  }
  for (const [name, value] of Object.entries(options.customMetadata ?? {})) headers[CUSTOM + escape(name)] = escape(String(value));
  return headers;
}

function conditions(onlyIf) {
  const headers = {};
  if (onlyIf === undefined) return headers;
  if (onlyIf instanceof Headers) {
    for (const name of ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since']) {
      if (onlyIf.has(name)) headers[name] = onlyIf.get(name);
    }
    return headers;
  }
  if (onlyIf.etagMatches !== undefined) headers['if-match'] = onlyIf.etagMatches === '*' ? '*' : `"${bare(onlyIf.etagMatches)}"`;
  if (onlyIf.etagDoesNotMatch !== undefined) {
    headers['if-none-match'] = onlyIf.etagDoesNotMatch === '*' ? '*' : `"${bare(onlyIf.etagDoesNotMatch)}"`;
  }
  if (onlyIf.uploadedAfter) headers['if-modified-since'] = onlyIf.uploadedAfter.toUTCString();
  if (onlyIf.uploadedBefore) headers['if-unmodified-since'] = onlyIf.uploadedBefore.toUTCString();
  return headers;
}

function ranged(range) {
  if (range === undefined) return {};
  if (range instanceof Headers) return range.has('range') ? { range: range.get('range') } : {};
  if (range.suffix !== undefined) return { range: `bytes=-${range.suffix}` };
  const offset = range.offset ?? 0;
  return { range: range.length === undefined ? `bytes=${offset}-` : `bytes=${offset}-${offset + range.length - 1}` };
}

async function whole(value) {
  if (value === null || value === undefined) return new Uint8Array();
  if (value instanceof ReadableStream || value instanceof Blob) return new Response(value).arrayBuffer();
  return typeof value === 'string' ? new TextEncoder().encode(value) : value;
}

class R2Error extends Error {}

async function failure(response, what) {
  const text = await response.text();
  return new R2Error(`${what}: ${field(text, 'Message') ?? text} (${response.status})`);
}

class R2Bucket {
  #s3;
  constructor(s3) { this.#s3 = s3; }

  #send(method, key, { query = {}, headers = {}, body } = {}) {
    const url = new URL('http://s3/');
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    if (key !== undefined) headers = { ...headers, 'x-ebb-key': encodeURIComponent(key) };
    return this.#s3.fetch(url, { method, headers, body });
  }

  async head(key) {
    const response = await this.#send('HEAD', key);
    if (response.status === 404) return null;
    if (!response.ok) throw await failure(response, 'head');
    return new R2Object(key, response.headers);
  }

  async get(key, options = {}) {
    const headers = { ...conditions(options.onlyIf), ...ranged(options.range) };
    const response = await this.#send('GET', key, { headers });
    if (response.status === 404) return null;
    // The condition does not hold: what there is, without what is in it.
    if (response.status === 304 || response.status === 412) return this.head(key);
    if (!response.ok) throw await failure(response, 'get');
    return new R2ObjectBody(key, response);
  }

  async put(key, value, options = {}) {
    const headers = { ...described(options), ...conditions(options.onlyIf) };
    const body = await whole(value);
    const response = await this.#send('PUT', key, { headers, body });
    if (response.status === 412) return null;
    if (!response.ok) throw await failure(response, 'put');
    return this.head(key);
  }

  async delete(keys) {
    await Promise.all([keys].flat().map(async (key) => {
      const response = await this.#send('DELETE', key);
      if (!response.ok && response.status !== 404) throw await failure(response, 'delete');
    }));
  }

  async list(options = {}) {
    const limit = Math.min(options.limit ?? LISTED, LISTED);
    const query = {
      'list-type': 2, prefix: options.prefix, delimiter: options.delimiter, 'max-keys': limit,
      'continuation-token': options.cursor, 'start-after': options.startAfter,
    };
    const response = await this.#send('GET', undefined, { query });
    if (response.status === 404) return { objects: [], delimitedPrefixes: [], truncated: false };
    if (!response.ok) throw await failure(response, 'list');
    const xml = await response.text();
    const full = options.include?.length > 0;
    const objects = await Promise.all([...xml.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)].map(([, entry]) => {
      const key = field(entry, 'Key');
      if (full) return this.head(key);
      const headers = new Headers({ etag: field(entry, 'ETag'), 'last-modified': field(entry, 'LastModified') });
      return new R2Object(key, headers, Number(field(entry, 'Size')));
    }));
    const prefixes = [...xml.matchAll(/<CommonPrefixes>([\s\S]*?)<\/CommonPrefixes>/g)].map(([, entry]) => field(entry, 'Prefix'));
    const truncated = field(xml, 'IsTruncated') === 'true';
    const listed = { objects: objects.filter(Boolean), delimitedPrefixes: prefixes, truncated };
    return truncated ? { ...listed, cursor: field(xml, 'NextContinuationToken') } : listed;
  }

  async createMultipartUpload(key, options = {}) {
    const response = await this.#send('POST', key, { query: { uploads: '' }, headers: described(options) });
    if (!response.ok) throw await failure(response, 'createMultipartUpload');
    return this.resumeMultipartUpload(key, field(await response.text(), 'UploadId'));
  }

  resumeMultipartUpload(key, uploadId) {
    const send = (method, request) => this.#send(method, key, request);
    const head = () => this.head(key);
    return {
      key, uploadId,
      async uploadPart(partNumber, value) {
        const response = await send('PUT', { query: { partNumber, uploadId }, body: await whole(value) });
        if (!response.ok) throw await failure(response, 'uploadPart');
        return { partNumber, etag: bare(response.headers.get('etag')) };
      },
      async abort() {
        const response = await send('DELETE', { query: { uploadId } });
        if (!response.ok && response.status !== 404) throw await failure(response, 'abort');
      },
      async complete(parts) {
        const list = parts.map(({ partNumber, etag }) =>
          `<Part><PartNumber>${Number(partNumber)}</PartNumber><ETag>"${bare(etag)}"</ETag></Part>`).join('');
        const body = new TextEncoder().encode(`<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`);
        const response = await send('POST', { query: { uploadId }, body });
        if (!response.ok) throw await failure(response, 'complete');
        return head();
      },
    };
  }
}

export default (env) => new R2Bucket(env.s3);
