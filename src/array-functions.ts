/**
 * Array functions that our start calls, as code that is compiled with ours. The runtime's own are source text that it parses and
 * compiles when one is called for the first time: a tenth of a millisecond each, of which an app or an sshd would wait for ten
 * (`npm run bench`). The same for all who call them (ECMA-262, 23.1.3): gaps are passed over, what is added meanwhile is not
 * seen. What is no plain array, or brings a `this`, is left to the runtime.
 */

type All = readonly unknown[];
type Visit = (value: unknown, index: number, all: All) => unknown;
type ArrayFunction = (this: All, given: never, self?: unknown) => unknown;

const ours = {
  at: (all: All, index: number) => {
    const whole = index | 0;
    return all[whole < 0 ? all.length + whole : whole];
  },
  every: (all: All, visit: Visit) => {
    const { length } = all;
    for (let i = 0; i < length; i++) if (i in all && !visit(all[i], i, all)) return false;
    return true;
  },
  filter: (all: All, visit: Visit) => {
    const { length } = all;
    const found: unknown[] = [];
    for (let i = 0; i < length; i++) {
      if (!(i in all)) continue;
      const value = all[i];
      if (visit(value, i, all)) found.push(value);
    }
    return found;
  },
  find: (all: All, visit: Visit) => {
    const { length } = all;
    for (let i = 0; i < length; i++) {
      const value = all[i];
      if (visit(value, i, all)) return value;
    }
    return undefined;
  },
  findIndex: (all: All, visit: Visit) => {
    const { length } = all;
    for (let i = 0; i < length; i++) if (visit(all[i], i, all)) return i;
    return -1;
  },
  flatMap: (all: All, visit: Visit) => {
    const { length } = all;
    const made: unknown[] = [];
    for (let i = 0; i < length; i++) {
      if (!(i in all)) continue;
      const value = visit(all[i], i, all);
      if (!Array.isArray(value)) made.push(value);
      else for (let j = 0; j < value.length; j++) if (j in value) made.push(value[j]);
    }
    return made;
  },
  map: (all: All, visit: Visit) => {
    const { length } = all;
    const made: unknown[] = [];
    for (let i = 0; i < length; i++) {
      if (i in all) made.push(visit(all[i], i, all));
      else made.length = i + 1;
    }
    return made;
  },
  some: (all: All, visit: Visit) => {
    const { length } = all;
    for (let i = 0; i < length; i++) if (i in all && visit(all[i], i, all)) return true;
    return false;
  },
};

/** A property that is there keeps its attributes: no loop over an array's names sees it. */
function replace(name: keyof typeof ours): void {
  const own = Array.prototype as unknown as Record<string, ArrayFunction>;
  const [run, theirs] = [ours[name] as (all: All, given: never) => unknown, own[name] as ArrayFunction];
  own[name] = function (given, self) {
    // What has a class of its own makes copies of that class (ArraySpeciesCreate).
    return this.constructor === Array && self === undefined ? run(this, given) : theirs.call(this, given, self);
  };
}

for (const name in ours) replace(name as keyof typeof ours);

export {};
