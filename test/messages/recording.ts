/**
 * Notes every message that the tests of units and of the kernel make: a plugin wraps each site of src/ (message-sites.ts) in
 * a call of the recorder, and a set-up file writes what a test file has seen under dist/messages. The executable has none of it.
 */
import { relative } from "node:path";
import ts from "typescript";
import type { Plugin } from "vite";
import { findSites } from "../../scripts/message-sites.ts";
import { ROOT } from "../../scripts/places.ts";

/** Vitest's plugin for the projects whose tests count. */
export function recordMessages(): Plugin {
  return {
    name: "record-messages",
    enforce: "pre",
    transform(code, id) {
      const file = relative(ROOT, id.split("?")[0] ?? "");
      return /^src\/[a-z-]+\.ts$/.test(file) ? { code: wrapSites(file, code), map: null } : undefined;
    },
  };
}

interface Insertion {
  readonly at: number;
  readonly text: string;
}

function wrapSites(file: string, code: string): string {
  const source = ts.createSourceFile(file, code, ts.ScriptTarget.ES2024, true);
  const insertions: Insertion[] = [];
  const wrap = (node: ts.Node, key: string, before = "") => {
    insertions.push({ at: node.getStart(source), text: `${before}globalThis.__told(${JSON.stringify(key)}, ` });
    insertions.push({ at: node.getEnd(), text: ")" });
  };
  for (const site of findSites(file, source)) {
    // What a module makes when it is loaded nobody has been told: its uses count.
    if (site.constant === undefined) wrap(site.node, site.id);
    else wrap(site.node, `=${site.id}`);
  }
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && /^[A-Z][A-Z_]+$/.test(node.text) && isUse(node)) {
      if (ts.isShorthandPropertyAssignment(node.parent)) wrap(node, "?", `${node.text}: `);
      else wrap(node, "?");
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  insertions.sort((a, b) => a.at - b.at);
  let [out, at] = ["", 0];
  for (const insertion of insertions) {
    out += code.slice(at, insertion.at) + insertion.text;
    at = insertion.at;
  }
  return out + code.slice(at);
}

/** An expression that hands the value on: no declaration, no type, no comparison, no member of something. */
function isUse(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  if (ts.isReturnStatement(parent) || ts.isSpreadAssignment(parent) || ts.isArrayLiteralExpression(parent)) return true;
  if (ts.isPropertyAssignment(parent) || ts.isArrowFunction(parent))
    return parent.name !== node && parent.getChildren().at(-1) === node;
  if (ts.isConditionalExpression(parent)) return parent.condition !== node;
  return (ts.isCallExpression(parent) || ts.isNewExpression(parent)) && (parent.arguments?.includes(node) ?? false);
}
