import { WorkflowEntrypoint, type WorkflowEvent, type WorkflowStep } from 'cloudflare:workers';
import { NonRetryableError } from 'cloudflare:workflows';
import type { Stock } from './stock';

export interface Order {
  item: string;
}

interface Payment {
  amount: number;
}

interface Env {
  STOCK: DurableObjectNamespace<Stock>;
  PAYMENT_WITHIN: WorkflowTimeoutDuration;
}

export class Orders extends WorkflowEntrypoint<Env, Order> {
  async run(event: WorkflowEvent<Order>, step: WorkflowStep) {
    const { item } = event.payload;
    const stock = this.env.STOCK.getByName(item);
    if (!(await step.do('reserve', () => stock.take()))) return { item, state: 'sold out' };
    try {
      const timeout = this.env.PAYMENT_WITHIN;
      const { payload } = await step.waitForEvent<Payment>('wait for payment', { type: 'payment', timeout });
      const parcel = await step.do('send', { retries: { limit: 3, delay: '1 second' } }, async () => send(payload));
      return { item, state: 'sent', parcel };
    } catch (error) {
      await step.do('give back', () => stock.add(1));
      return { item, state: 'cancelled', why: (error as Error).message };
    }
  }
}

// Stands for whoever sends parcels.
async function send({ amount }: Payment): Promise<string> {
  if (!(amount > 0)) throw new NonRetryableError('nothing was paid');
  return `parcel for ${amount}`;
}
