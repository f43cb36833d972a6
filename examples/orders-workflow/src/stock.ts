import { DurableObject } from 'cloudflare:workers';

// What is left of one item.
export class Stock extends DurableObject {
  async add(count: number): Promise<number> {
    const left = ((await this.ctx.storage.get<number>('left')) ?? 0) + count;
    await this.ctx.storage.put('left', left);
    return left;
  }

  // Whether there was one to take.
  async take(): Promise<boolean> {
    const left = (await this.ctx.storage.get<number>('left')) ?? 0;
    if (left === 0) return false;
    await this.ctx.storage.put('left', left - 1);
    return true;
  }
}
