/**
 * The array functions that take a function, as code that is compiled with ours. The runtime's own are source text that it parses
 * and compiles when one is called for the first time: a tenth of a millisecond each, a dozen of them before an app or an sshd
 * starts (`npm run bench`). The same for all who call them (ECMA-262, 23.1.3): gaps are passed over, what is added meanwhile is
 * not seen. What is no plain array, or brings a `this`, is left to the runtime.
 */

type Visit = (value: unknown, index: number, all: readonly unknown[]) => unknown;

const own = Array.prototype;
const { at, every, filter, find, findIndex, flatMap, forEach, map, some } = own;

/** False also for what has a class of its own, whose copies are of that class (ArraySpeciesCreate). */
const isPlain = (all: readonly unknown[], self: unknown): boolean => all.constructor === Array && self === undefined;

const ours = {
  at(this: readonly unknown[], index: number) {
    if (!isPlain(this, undefined)) return at.call(this, index);
    const whole = index | 0;
    return this[whole < 0 ? this.length + whole : whole];
  },
  every(this: readonly unknown[], visit: Visit, self?: unknown) {
    if (!isPlain(this, self)) return every.call(this, visit, self);
    const { length } = this;
    for (let i = 0; i < length; i++) if (i in this && !visit(this[i], i, this)) return false;
    return true;
  },
  filter(this: readonly unknown[], visit: Visit, self?: unknown) {
    if (!isPlain(this, self)) return filter.call(this, visit, self);
    const { length } = this;
    const found: unknown[] = [];
    for (let i = 0; i < length; i++) {
      if (!(i in this)) continue;
      const value = this[i];
      if (visit(value, i, this)) found.push(value);
    }
    return found;
  },
  find(this: readonly unknown[], visit: Visit, self?: unknown) {
    if (!isPlain(this, self)) return find.call(this, visit, self);
    const { length } = this;
    for (let i = 0; i < length; i++) {
      const value = this[i];
      if (visit(value, i, this)) return value;
    }
    return undefined;
  },
  findIndex(this: readonly unknown[], visit: Visit, self?: unknown) {
    if (!isPlain(this, self)) return findIndex.call(this, visit, self);
    const { length } = this;
    for (let i = 0; i < length; i++) if (visit(this[i], i, this)) return i;
    return -1;
  },
  flatMap(this: readonly unknown[], visit: Visit, self?: unknown) {
    if (!isPlain(this, self)) return flatMap.call(this, visit, self);
    const { length } = this;
    const made: unknown[] = [];
    for (let i = 0; i < length; i++) {
      if (!(i in this)) continue;
      const value = visit(this[i], i, this);
      if (!Array.isArray(value)) made.push(value);
      else for (let at = 0; at < value.length; at++) if (at in value) made.push(value[at]);
    }
    return made;
  },
  forEach(this: readonly unknown[], visit: Visit, self?: unknown) {
    if (!isPlain(this, self)) return forEach.call(this, visit, self);
    const { length } = this;
    for (let i = 0; i < length; i++) if (i in this) visit(this[i], i, this);
  },
  map(this: readonly unknown[], visit: Visit, self?: unknown) {
    if (!isPlain(this, self)) return map.call(this, visit, self);
    const { length } = this;
    const made: unknown[] = [];
    for (let i = 0; i < length; i++) {
      if (i in this) made.push(visit(this[i], i, this));
      else made.length = i + 1;
    }
    return made;
  },
  some(this: readonly unknown[], visit: Visit, self?: unknown) {
    if (!isPlain(this, self)) return some.call(this, visit, self);
    const { length } = this;
    for (let i = 0; i < length; i++) if (i in this && visit(this[i], i, this)) return true;
    return false;
  },
};

// A property that is there keeps its attributes: no loop over an array's names sees them.
Object.assign(own, ours);

export {};
