// Verifies JSON Web Tokens that are signed with a shared key. Source: RFC 7519, and RFC 7518, section 3.2.

const encoder = new TextEncoder();
let imported;

/// Why a request is refused; null where its token is good.
export async function verify(header, secret) {
  if (!header) return 'Missing authorization header';
  const [scheme, token] = header.split(' ');
  if (scheme !== 'Bearer' || !token) return "Auth header is not 'Bearer {token}'";
  return (await good(token, secret)) ? null : 'Invalid JWT';
}

async function good(token, secret) {
  const parts = token.split('.');
  if (parts.length !== 3 || secret === '') return false;
  let header, claims, signature;
  try {
    [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(new TextDecoder().decode(decode(part))));
    signature = decode(parts[2]);
  } catch {
    return false;
  }
  if (header?.alg !== 'HS256' || typeof claims !== 'object' || claims === null) return false;
  imported ??= await crypto.subtle.importKey('raw', encoder.encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  const signed = encoder.encode(`${parts[0]}.${parts[1]}`);
  if (!(await crypto.subtle.verify('HMAC', imported, signature, signed))) return false;
  const now = Date.now() / 1000;
  if (claims.exp !== undefined && !(Number(claims.exp) > now)) return false;
  return claims.nbf === undefined || Number(claims.nbf) <= now;
}

function decode(text) {
  const base64 = text.replaceAll('-', '+').replaceAll('_', '/');
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
