// Called by the clock: vercel.json says when.
export function GET() {
  console.log('links are served', new Date().toISOString());
  return new Response(null, { status: 204 });
}
