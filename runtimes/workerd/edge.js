// What the edge of the platform does with a request before the worker has it.
//
// Source: the Workers documentation, "Request" (`cf`), and the Cloudflare documentation, "HTTP headers" (2026-11).

// What is known of a client; the platform knows more.
function facts(request) {
  return {
    httpProtocol: 'HTTP/1.1',
    clientAcceptEncoding: request.headers.get('accept-encoding') ?? '',
    colo: 'EBB', country: 'XX', city: '', continent: '', region: '', regionCode: '', timezone: 'UTC',
    latitude: '0', longitude: '0', postalCode: '', asn: 0, asOrganization: '',
    edgeRequestKeepAliveStatus: 1, requestPriority: '', tlsCipher: '', tlsVersion: '',
  };
}

// The request as the client sent it: the address that it asked for, its own, and what is known of it.
export function arrived(request) {
  const forwarded = request.headers.get('x-forwarded-proto');
  const scheme = forwarded === 'https' ? 'https' : 'http';
  const host = request.headers.get('x-forwarded-host');
  // An address costs to take apart: mostly it is right already.
  const address = host || scheme === 'https' ? addressed(request, scheme, host) : request;
  const sent = new Request(address === request ? request : new Request(address, request), { cf: facts(request) });
  const client = request.headers.get('x-forwarded-for')?.split(',')[0].trim();
  if (client) {
    sent.headers.set('cf-connecting-ip', client);
    sent.headers.set('x-real-ip', client);
  }
  sent.headers.set('cf-ray', `${nextRay()}-EBB`);
  sent.headers.set('cf-visitor', `{"scheme":"${scheme}"}`);
  return sent;
}

function addressed(request, scheme, host) {
  const url = new URL(request.url);
  url.protocol = `${scheme}:`;
  url.host = host ?? request.headers.get('host') ?? url.host;
  return url;
}

// Ids of requests: eight bytes, of which the first half is this instance's, made when it has its first request (nothing is
// random before), and the rest counts.
let instance;
let rays = 0;
function nextRay() {
  instance ??= hex(crypto.getRandomValues(new Uint32Array(1))[0]);
  rays = (rays + 1) >>> 0;
  return instance + hex(rays);
}

const hex = (number) => number.toString(16).padStart(8, '0');

// The platform asks, after an answer, whether anything goes on in the worker.
export const isSettled = (request) => request.headers.get('ebb-event') === 'settled';

// What clients reach of a worker before which nothing else stands: it is in the worker's own isolate, since each hop to
// another costs more than an answer. `settled` gives what the platform is told.
export function requests(worker, settled) {
  if (typeof worker === 'function') {
    return class extends worker {
      fetch(request) { return isSettled(request) ? settled() : super.fetch(arrived(request)); }
    };
  }
  return {
    fetch(request, env, ctx) {
      if (isSettled(request)) return settled();
      if (typeof worker?.fetch !== 'function') throw new Error('Handler does not export a fetch() function.');
      return worker.fetch(arrived(request), env, ctx);
    },
  };
}
