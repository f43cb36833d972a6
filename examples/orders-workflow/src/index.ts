import { Orders, type Order } from './orders';
import { Stock } from './stock';

export { Orders, Stock };

interface Env {
  STOCK: DurableObjectNamespace<Stock>;
  ORDERS: Workflow<Order>;
}

const PATH = /^\/(stock|orders)(?:\/([\w-]+))?(\/payment)?$/;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, kind, id, payment] = PATH.exec(new URL(request.url).pathname) ?? [];
    const route = `${request.method} ${kind}${id ? '/id' : ''}${payment ?? ''}`;
    switch (route) {
      case 'PUT stock/id':
        return Response.json({ left: await env.STOCK.getByName(id).add(Number(await request.text())) });
      case 'GET stock/id':
        return Response.json({ left: await env.STOCK.getByName(id).add(0) });
      case 'POST orders': {
        const { item } = await request.json<Order>();
        const order = await env.ORDERS.create({ params: { item } });
        return Response.json({ id: order.id }, { status: 202 });
      }
    }
    if (kind !== 'orders' || !id) return new Response('Not Found', { status: 404 });
    const order = await env.ORDERS.get(id).catch(() => null);
    if (order === null) return new Response('no such order', { status: 404 });
    switch (route) {
      case 'GET orders/id':
        return Response.json(await order.status());
      case 'POST orders/id/payment':
        await order.sendEvent({ type: 'payment', payload: await request.json() });
        return new Response(null, { status: 202 });
    }
    return new Response('Not Found', { status: 404 });
  },
};
