import { after, NextRequest, NextResponse } from 'next/server';
import { count, read, write } from '@/lib/store';

type Context = { params: Promise<{ code: string }> };

export async function PUT(request: NextRequest, { params }: Context) {
  const { code } = await params;
  const url = await request.text();
  if (!URL.canParse(url)) return new NextResponse('the body must be a URL', { status: 400 });
  await write(code, url);
  return NextResponse.json({ code, url }, { status: 201 });
}

export async function GET(_request: NextRequest, { params }: Context) {
  const { code } = await params;
  const url = await read(code);
  if (url === undefined) return new NextResponse('no such link', { status: 404 });
  after(() => count(code));
  return NextResponse.redirect(url, 302);
}
