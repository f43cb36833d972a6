import { clicks } from '../lib/store.js';

export default async function handler(req, res) {
  res.status(200).json({ clicks: await clicks(req.query.code) });
}
