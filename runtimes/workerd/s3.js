// Signs requests for one bucket: what the R2 binding talks to.

import { bucket, encode } from './aws.js';

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const headers = Object.fromEntries(request.headers);
    const key = headers['x-ebb-key'];
    delete headers['x-ebb-key'];
    // A URL resolves its dots: such a key cannot be asked for.
    if (key !== undefined && decodeURIComponent(key).split('/').some((part) => part === '.' || part === '..')) {
      return new Response('a key cannot have . or .. between slashes', { status: 400 });
    }
    const path = key === undefined ? '' : '/' + decodeURIComponent(key).split('/').map(encode).join('/');
    const body = request.method === 'PUT' || request.method === 'POST' ? await request.arrayBuffer() : null;
    return bucket(env, env.BUCKET, { method: request.method, path, query: Object.fromEntries(url.searchParams), headers, body });
  },
};
