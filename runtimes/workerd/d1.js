// A D1 database, which is a function of its own: what workerd's D1 bindings talk to.

import { invoke } from './aws.js';

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== '/query' && pathname !== '/execute') return Response.json({ error: 'Not found' }, { status: 404 });
    const queries = await request.json();
    return Response.json(await invoke(env, env.FUNCTION, { queries, format: searchParams.get('resultsFormat') }));
  },
  // The same for workers with the flag `d1_binding_jsrpc`.
  async query({ queries }, env) {
    const results = await invoke(env, env.FUNCTION, { queries, format: 'ROWS_AND_COLUMNS' });
    const failed = [results].flat().find((result) => !result.success);
    if (failed) return { success: false, error: new Error(failed.error) };
    const queryResults = results.map(({ meta, results: data }) => ({ meta, data: { kind: 'raw', ...data } }));
    return { success: true, results: { queryResults } };
  },
};
