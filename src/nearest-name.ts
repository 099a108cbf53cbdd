/**
 * Which real name somebody meant who mistyped one. Says nothing when nothing is near: a wrong guess is worse than none.
 * Never sees values, only names.
 */

/** Edits (insert, delete, replace, swap of neighbours) between two words: optimal string alignment distance. */
function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let old = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replace = (old[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min((old[j] as number) + 1, (row[j - 1] as number) + 1, replace);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (older[j - 2] as number) + 1);
      }
      row.push(cost);
    }
    older = old;
    old = row;
  }
  return old[b.length] as number;
}

/**
 * The real name nearest to `name`, or undefined when more than a third of it (one letter of a short one) would have
 * to change. `prefix` is left out of the comparison, so that it does not make everything look alike.
 */
export function nearestName(name: string, real: readonly string[], prefix: string): string | undefined {
  const bare = (text: string) => (text.startsWith(prefix) ? text.slice(prefix.length) : text);
  const word = bare(name);
  let best: { name: string; edits: number } | undefined;
  for (const candidate of real) {
    const other = bare(candidate);
    const most = Math.max(1, Math.floor(Math.max(word.length, other.length) / 3));
    if (Math.abs(word.length - other.length) > most) continue;
    const edits = editDistance(word, other);
    if (edits <= most && (best === undefined || edits < best.edits)) best = { name: candidate, edits };
  }
  return best?.name;
}
