'use strict';
// Functions of custom resources answer to the address in their event. Here that is plain HTTP on the loopback, and most
// of them (the handlers of the CDK, AWS's own module) call `https.request` whatever the scheme, without the port: such
// a request goes to the address as it is.

const http = require('node:http');
const https = require('node:https');

const addresses = new Map(); // By path: every request has a path of its own.
const secure = https.request;

/// Lets the answer to an event arrive.
function expectAnswer(event) {
  const { ResponseURL: text } = JSON.parse(event);
  if (typeof text !== 'string' || !text.startsWith('http://')) return;
  const address = new URL(text);
  addresses.set(address.pathname, address);
  https.request = request;
}

function request(...given) {
  const named = typeof given[0] === 'string' || given[0] instanceof URL ? new URL(given.shift()) : null;
  const options = typeof given[0] === 'object' && given[0] !== null ? given.shift() : {};
  const path = options.path ?? options.pathname ?? named?.pathname;
  const address = addresses.get(path);
  const host = options.hostname ?? options.host ?? named?.hostname;
  if (address === undefined || host !== address.hostname) {
    return secure.apply(https, [...(named === null ? [] : [named]), options, ...given]);
  }
  const { hostname, port } = address;
  return http.request({ ...options, protocol: 'http:', host: hostname, hostname, port, path, agent: undefined }, ...given);
}

module.exports = { expectAnswer };
