// The benchmark's handler as a Cloudflare worker.
export default {
  fetch() {
    return new Response('hello', { headers: { 'content-type': 'text/plain' } });
  },
};
