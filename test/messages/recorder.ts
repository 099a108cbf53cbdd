/** The recorder of one test file: what its tests have made at which site, once each, written when it ends. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, expect } from "vitest";
import { recordOf, type Told } from "./records.ts";

const told = new Map<string, Told>();
const constants = new WeakMap<object, string>();

/** `=site`: a constant that is made; `?`: a value that may be one; else a message at its site. */
function note<T>(key: string, value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (key.startsWith("=")) constants.set(value, key.slice(1));
  else {
    const site = key === "?" ? constants.get(value) : key;
    if (site !== undefined) remember(site, value as Record<string, unknown>);
  }
  return value;
}

function remember(site: string, value: Record<string, unknown>): void {
  const fields = value["fields"] === undefined ? {} : { level: value["level"], fields: value["fields"] };
  const what = value["what"] ?? value["reason"] ?? value["why"] ?? value["msg"] ?? value["text"] ?? value["line"];
  if (what === undefined) return;
  const words = String(what).replace(/^(?:un)?healthy: /, "");
  const id = `${site} ${words}`;
  if (told.has(id) || told.size > 20_000) return;
  const { saw, hint } = value;
  told.set(id, JSON.parse(JSON.stringify({ site, what: words, saw, hint, ...fields })) as Told);
}

(globalThis as { __told?: typeof note }).__told = note;

afterAll(() => {
  const path = recordOf(expect.getState().testPath ?? "");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, JSON.stringify([...told.values()]));
  renameSync(`${path}.new`, path);
});
