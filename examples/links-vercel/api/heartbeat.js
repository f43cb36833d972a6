// Called by the clock: vercel.json says when.
export default function handler(req, res) {
  console.log('links are served', new Date().toISOString());
  res.status(204).end();
}
