// Values on their way between processes, as JSON: what it has no word for is an object of one key, `$` and a kind.
//
// Source: the Workers documentation, "Remote-procedure call (RPC)", "Supported types" (2026-11), as far as values go.

const bytes = (value) => btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(''));
const unbytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

export const encodeBytes = (buffer) => bytes(new Uint8Array(buffer));
export const decodeBytes = unbytes;

export function encode(value) {
  switch (typeof value) {
    case 'string': case 'boolean': return value;
    case 'number': return Number.isFinite(value) ? value : { $number: String(value) };
    case 'undefined': return { $undefined: 0 };
    case 'bigint': return { $bigint: String(value) };
    case 'object': break;
    default: throw new DOMException(`ebb passes values between workers, and no ${typeof value}`, 'DataCloneError');
  }
  if (value === null) return null;
  if (Array.isArray(value)) return value.map(encode);
  if (value instanceof Date) return { $date: value.getTime() };
  if (value instanceof ArrayBuffer) return { $buffer: bytes(new Uint8Array(value)) };
  if (ArrayBuffer.isView(value)) return { $bytes: bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) };
  if (value instanceof Map) return { $map: [...value].map(encode) };
  if (value instanceof Set) return { $set: [...value].map(encode) };
  if (value instanceof Error) return { $error: [value.name, value.message] };
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new DOMException(`ebb passes values between workers, and no ${prototype.constructor?.name}`, 'DataCloneError');
  }
  const entries = Object.entries(value).map(([name, inner]) => [name, encode(inner)]);
  // One that looks like ours.
  return entries.length === 1 && entries[0][0].startsWith('$') ? { $object: entries } : Object.fromEntries(entries);
}

export function decode(value) {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(decode);
  const [[kind, inner] = ['']] = Object.entries(value);
  switch (kind) {
    case '$number': return Number(inner);
    case '$undefined': return undefined;
    case '$bigint': return BigInt(inner);
    case '$date': return new Date(inner);
    case '$buffer': return unbytes(inner).buffer;
    case '$bytes': return unbytes(inner);
    case '$map': return new Map(inner.map(decode));
    case '$set': return new Set(inner.map(decode));
    case '$error': return error(...inner);
    case '$object': return Object.fromEntries(inner.map(([name, one]) => [name, decode(one)]));
    default: return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, decode(one)]));
  }
}

export function error(name, message) {
  const known = { TypeError, RangeError, SyntaxError, ReferenceError }[name] ?? Error;
  return Object.assign(new known(message), { name });
}
