import { format } from 'node:util';

export const handler = async (event) => ({ statusCode: 200, headers: { a: 'b' }, body: format('%s', event.version) });
