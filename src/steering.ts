/**
 * What the names begin with of variables that steer the runtime, its allocator or the loader before the first line of ours
 * runs. One list for who decides by them.
 */
export const STEERING: readonly string[] = ["LD_", "GLIBC_TUNABLES", "BUN_", "JSC_", "MIMALLOC_", "NODE_"];
