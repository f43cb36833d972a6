import type { Config } from '@netlify/functions';

export default async () => console.log('links are served', new Date().toISOString());

export const config: Config = { schedule: '* * * * *' };
