// What `next/cache` exports, for functions that run without Next.js's own server: each instance keeps what it has computed
// itself, and pages, of which there are none, need no revalidation.
//
// Source: the Next.js documentation, "unstable_cache", "revalidateTag", "revalidatePath" (2026-11).

const kept = new Map();

export function unstable_cache(compute, parts = [], { tags = [], revalidate = false } = {}) {
  const prefix = JSON.stringify([compute.toString(), parts]);
  return async (...args) => {
    const key = prefix + JSON.stringify(args);
    const found = kept.get(key);
    if (found !== undefined && Date.now() < found.until) return found.value;
    const value = await compute(...args);
    const until = typeof revalidate === 'number' ? Date.now() + revalidate * 1000 : Infinity;
    kept.set(key, { value, until, tags });
    return value;
  };
}

export function revalidateTag(tag) {
  for (const [key, { tags }] of kept) if (tags.includes(tag)) kept.delete(key);
}

export const updateTag = revalidateTag;

export function revalidatePath() {
  kept.clear();
}

export function refresh() {}
export function cacheLife() {}
export function cacheTag() {}
export function unstable_noStore() {}
export { cacheLife as unstable_cacheLife, cacheTag as unstable_cacheTag };
